"""A stand-in for gcloud: knows the calls that a deployment makes, keeps what they change, and records every one.

Its folder is STANDIN_STATE: `cloud.json` (projects, services, buckets, secrets), `objects/`, `gcloud.calls` (a list
a line), and `gcloud.fail` (call prefixes that fail, one a line).
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

STATE = Path(os.environ["STANDIN_STATE"])
CLOUD = STATE / "cloud.json"
OBJECTS = STATE / "objects"


def main(arguments: list[str]) -> int:
    with (STATE / "gcloud.calls").open("a") as calls:
        calls.write(json.dumps(arguments) + "\n")
    said = " ".join(arguments)
    failing = STATE / "gcloud.fail"
    if failing.exists() and any(said.startswith(one) for one in failing.read_text().splitlines()):
        print(f"ERROR: (gcloud) made to fail: {said[:60]}", file=sys.stderr)
        return 1
    words = [one for one in arguments if not one.startswith("-") or one == "-"]
    options = dict(one.removeprefix("--").partition("=")[::2] for one in arguments if one.startswith("--"))
    cloud = json.loads(CLOUD.read_text())
    code = _answer(words, options, cloud)
    CLOUD.write_text(json.dumps(cloud, indent=1, sort_keys=True))
    return code


def _answer(words: list[str], options: dict[str, str], cloud: dict[str, Any]) -> int:
    match words:
        case ["version"]:
            print("Google Cloud SDK (stand-in)")
        case ["auth", "list"]:
            print(cloud["account"])
        case ["auth", "application-default", "print-access-token"] | ["auth", "print-identity-token"]:
            print(cloud["token"])
        case ["projects", "describe", name]:
            if name not in cloud["projects"]:
                return 1
            print("ACTIVE")
        case ["projects", "get-iam-policy", _]:
            print(json.dumps({"bindings": [{"role": "roles/owner", "members": [f"user:{cloud['account']}"]}]}))
        case ["billing", "projects", "describe", _]:
            print("True")
        case ["services", "list"]:
            print("\n".join(cloud["services"]))
        case ["services", "enable", *names]:
            cloud["services"] += names
        case ["secrets", *rest]:
            return _secrets(rest, options, cloud["secrets"])
        case ["storage", *rest]:
            return _storage(rest, options, cloud["buckets"])
        case _:
            print(f"the stand-in does not know: {words}", file=sys.stderr)
            return 2
    return 0


def _secrets(words: list[str], options: dict[str, str], secrets: dict[str, list[str]]) -> int:
    match words:
        case ["versions", "list", name]:
            print(json.dumps([{"name": str(number)} for number, _ in enumerate(secrets.get(name, []))]))
        case ["versions", "add", name]:
            secrets.setdefault(name, []).append(sys.stdin.read())
        case ["versions", "access", "latest"]:
            print(secrets[options["secret"]][-1], end="")
        case _:
            return 2
    return 0


def _storage(words: list[str], options: dict[str, str], buckets: dict[str, Any]) -> int:
    match words:
        case ["buckets", "create", url]:
            buckets[url] = {}
        case ["buckets", "update", url]:
            buckets[url] |= {"versioning_enabled": "versioning" in options}
        case ["buckets", "describe", url]:
            print(json.dumps(buckets[url]))
        case ["ls"]:
            print("\n".join(f"{url}/" for url in buckets))
        case ["ls", url]:
            folder = _place(url)
            print("\n".join(f"gs://{path.relative_to(OBJECTS)}" for path in folder.rglob("*") if path.is_file()))
        case ["cat", url]:
            print(_place(url).read_text())
        case ["cp", source, url]:
            target = _place(url)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes())
        case _:
            return 2
    return 0


def _place(url: str) -> Path:
    return OBJECTS / url.removeprefix("gs://")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
