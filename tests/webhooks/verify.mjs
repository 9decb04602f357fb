// Verifies a webhook with the standard's own JavaScript library: {secret, body, headers} on stdin.
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const { secret, body, headers } = JSON.parse(readFileSync(0, "utf8"));
new Webhook(secret).verify(body, headers);
console.log("verified");
