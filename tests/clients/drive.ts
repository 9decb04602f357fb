// Drives the API by a client that openapi-typescript has made of its document, and prints what came of each call.
import createClient from "openapi-fetch";

import type { components, paths } from "./schema.js";

declare const process: { env: { API_URL: string; API_TOKEN: string }; stdout: { write(text: string): void } };

type Problem = components["schemas"]["Problem"];

const client = createClient<paths>({
  baseUrl: process.env.API_URL,
  headers: { Authorization: `Bearer ${process.env.API_TOKEN}` },
});
const table = "public.a";
const found: Record<string, unknown> = {};

function there<T>(data: T | undefined, error: unknown): T {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

function told(error: Problem | undefined, response: Response): [number, string, string[]] {
  if (error === undefined) throw new Error(`answered ${response.status}`);
  return [response.status, error.type, (error.errors ?? []).map((one) => one.field)];
}

const overview = await client.GET("/api/refresh/status");
const status = there(overview.data, overview.error);
found.tables = status.tables.map((one) => one.table);
found.state = status.tables.every((one) => one.status === "never_refreshed");

const header = { "Idempotency-Key": "clients-key" };
const asked = await client.POST("/api/refresh/trigger", { params: { header }, body: { tables: [table] } });
const again = await client.POST("/api/refresh/trigger", { params: { header }, body: { tables: [table] } });
const accepted = there(asked.data, asked.error);
found.same = accepted.run_id === there(again.data, again.error).run_id;
found.location = asked.response.headers.get("Location") === accepted.url;

const looked = await client.GET("/api/refresh/runs/{run_id}", { params: { path: { run_id: accepted.run_id } } });
found.run = there(looked.data, looked.error).status;

let pages = 0;
for (let page = 1, last = 1; page <= last; page++) {
  const listed = await client.GET("/api/refresh/config", { params: { query: { page, page_size: 2 } } });
  last = there(listed.data, listed.error).pagination.pages;
  pages += 1;
}
found.pages = pages;
const ended = await client.GET("/api/refresh/history", { params: { query: { status: "success", page_size: 1 } } });
found.ended = there(ended.data, ended.error).items.length;

const path = { table };
const read = await client.GET("/api/refresh/config/{table}", { params: { path } });
const configured = there(read.data, read.error);
const headers = { "If-Match": read.response.headers.get("ETag") ?? "" };
const body = { ...configured, priority: 7 };
const changed = await client.PUT("/api/refresh/config/{table}", { params: { path }, body: { priority: 7 }, headers });
found.priority = there(changed.data, changed.error).priority;
const lost = await client.PUT("/api/refresh/config/{table}", { params: { path }, body, headers });
found.lost = told(lost.error, lost.response);

const draft = { url: "https://hooks.example.com/refresh", events: ["refresh.failed" as const] };
const made = await client.POST("/api/refresh/webhooks", { body: draft });
const webhook = there(made.data, made.error);
const endpoint = { params: { path: { endpoint_id: webhook.endpoint_id } } };
const tested = await client.POST("/api/refresh/webhooks/{endpoint_id}/test", endpoint);
found.delivery = there(tested.data, tested.error).url.startsWith(made.response.headers.get("Location") ?? "nowhere");
const gone = await client.DELETE("/api/refresh/webhooks/{endpoint_id}", endpoint);
found.deleted = there(gone.data, gone.error).endpoint_id === webhook.endpoint_id;

const nobody = await client.GET("/api/refresh/webhooks/{endpoint_id}", endpoint);
found.missing = told(nobody.error, nobody.response);
const wrong = await client.GET("/api/refresh/metrics", { params: { query: { days: 91 } } });
found.wrong = told(wrong.error, wrong.response);
// @ts-expect-error: no table is refreshed in such a mode
const refused = await client.POST("/api/refresh/trigger", { body: { mode: "sideways" } });
found.refused = told(refused.error, refused.response);

process.stdout.write(JSON.stringify(found));
