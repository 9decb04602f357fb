"""Which command makes which call of the API: what the API's texts advise is said as commands."""

from __future__ import annotations

import re

COMMANDS = {
    "GET /audit": "audit",
    "GET /backfills": "backfill list",
    "GET /backfills/{backfill_id}": "backfill show {backfill_id}",
    "POST /backfills/preview": "backfill start --preview",
    "POST /backfills/{backfill_id}/cancel": "backfill cancel {backfill_id}",
    "GET /config": "tables list",
    "POST /config": "tables add",
    "PUT /config": "config apply",
    "GET /config/{table}": "config get {table}",
    "PUT /config/{table}": "config set {table}",
    "POST /config/{table}/preview": "config set {table} --preview",
    "GET /config/{table}/suggestions": "config suggest {table}",
    "GET /costs": "costs",
    "GET /costs/today": "costs --today",
    "GET /dead-letters": "dead-letters list",
    "POST /dead-letters/{dead_letter_id}/send": "dead-letters send {dead_letter_id}",
    "GET /health": "health",
    "GET /history": "history",
    "GET /metrics": "metrics",
    "GET /named-sql": "sql list",
    "GET /named-sql/{name}": "sql show {name}",
    "PUT /named-sql/{name}": "sql set {name}",
    "POST /named-sql/{name}/check": "sql check {name}",
    "DELETE /named-sql/{name}": "sql remove {name}",
    "POST /plan": "plan",
    "GET /quality": "quality",
    "GET /quarantine": "quarantine list",
    "GET /registration-suggestion": "tables add --ddl",
    "POST /registration-preview": "tables add --preview",
    "GET /runs": "runs",
    "GET /runs/{run_id}": "run {run_id}",
    "GET /runs/{run_id}/dry-run-report": "report {run_id}",
    "POST /runs/{run_id}/replay": "replay {run_id}",
    "POST /runs/{run_id}/rollback": "rollback {run_id}",
    "GET /status": "status",
    "POST /tables/{table}/demote": "shadow demote {table}",
    "POST /tables/{table}/promote": "shadow promote {table}",
    "GET /tables/{table}/publishes": "publishes {table}",
    "POST /tables/{table}/quarantine/replay": "quarantine replay {table}",
    "POST /tables/{table}/refuse": "refuse {table}",
    "POST /tables/{table}/release": "release {table}",
    "GET /tables/{table}/shadow-report": "shadow report {table}",
    "POST /trigger": "trigger",
    "POST /verify": "verify",
    "GET /webhooks": "webhooks list",
    "POST /webhooks": "webhooks add",
    "DELETE /webhooks/{endpoint_id}": "webhooks remove {endpoint_id}",
    "GET /webhooks/{endpoint_id}": "webhooks show {endpoint_id}",
    "PUT /webhooks/{endpoint_id}": "webhooks set {endpoint_id}",
    "GET /webhooks/{endpoint_id}/deliveries": "webhooks deliveries {endpoint_id}",
    "GET /webhooks/{endpoint_id}/deliveries/{delivery_id}": "webhooks delivery {endpoint_id} {delivery_id}",
    "POST /webhooks/{endpoint_id}/deliveries/{delivery_id}/redeliver": "webhooks redeliver {endpoint_id} {delivery_id}",
    "POST /webhooks/{endpoint_id}/recover": "webhooks recover {endpoint_id}",
    "POST /webhooks/{endpoint_id}/rotate-secret": "webhooks rotate {endpoint_id}",
    "POST /webhooks/{endpoint_id}/test": "webhooks test {endpoint_id}",
}
"""Operation of the OpenAPI document, without what all paths begin with, to the command's words."""

_CALL = re.compile(
    r"(?P<verb>GET|POST|PUT|DELETE) /api/refresh(?P<path>/[^\s,;:()?]*[^\s,;:().?])"
    r"(?:\?table=(?P<table>[^\s,;]*[^\s,;.]))?(?: (?P<body>\{.*\}))?"
)


def in_commands(text: str, *, table: str = "TABLE") -> str:
    """The text, with each call that it names as the command that makes it; `table` is what bodies are about."""
    return _CALL.sub(lambda found: _command(found, table) or found[0], text)


def _command(call: re.Match[str], table: str) -> str | None:
    for operation, words in COMMANDS.items():
        verb, _, template = operation.partition(" ")
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
        if verb == call["verb"] and (found := re.fullmatch(pattern, call["path"])):
            said = words.format(**found.groupdict()) + (f" {call['table']}" if call["table"] else "")
            return f"`refreshctl {_with_body(said, call['body'] or '', table)}`"
    return None


def _with_body(words: str, body: str, table: str) -> str:
    if '"backfill"' in body:
        return f"backfill start {table} --from DAY --to DAY"
    return words + (f" {table}" if '"tables"' in body else "") + (" --force" if '"force": true' in body else "")
