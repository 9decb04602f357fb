"""Examples, as `--help` shows them; the tests read each as the command would."""

from __future__ import annotations

_RUN = "0b6f4f5e-1c1c-4f7e-9a39-6a2f3f0c7d11"
_ID = "5d0c1f9a-52a4-4c39-8f6e-2f6c3f1f4b77"

EXAMPLES: dict[str, tuple[str, ...]] = {
    "status": ("refreshctl status", "refreshctl status shop.orders", "refreshctl status --json | jq -r .summary"),
    "doctor": ("refreshctl doctor",),
    "health": ("refreshctl health",),
    "metrics": ("refreshctl metrics --days 30", "refreshctl metrics shop.orders"),
    "trigger": (
        "refreshctl trigger --watch",
        "refreshctl trigger shop.orders shop.customers --force --watch",
        "refreshctl trigger shop.orders --mode dry_run --watch",
    ),
    "runs": ("refreshctl runs --status failed", "refreshctl runs --page 2"),
    "run": ("refreshctl run last", f"refreshctl run {_RUN} --watch", "refreshctl run last --slices"),
    "history": ("refreshctl history shop.orders", "refreshctl history --status held --from 2026-01-31T00:00:00Z"),
    "plan": ("refreshctl plan", "refreshctl plan shop.orders --rows"),
    "report": ("refreshctl report last",),
    "verify": ("refreshctl verify", "refreshctl verify shop.orders"),
    "quality": ("refreshctl quality shop.orders --failed", "refreshctl quality --run last"),
    "replay": ("refreshctl replay last --watch",),
    "publishes": ("refreshctl publishes shop.orders",),
    "rollback": (f'refreshctl rollback {_RUN} --table shop.orders --reason "prices in the wrong currency"',),
    "release": ("refreshctl release shop.orders --watch",),
    "refuse": ('refreshctl refuse shop.orders --reason "the export was cut off"',),
    "costs": ("refreshctl costs", "refreshctl costs --month 2026-01", "refreshctl costs --today"),
    "audit": ("refreshctl audit shop.orders", "refreshctl audit --event config_changed --by ada@example.com"),
    "config get": ("refreshctl config get", "refreshctl config get shop.orders"),
    "config set": (
        "refreshctl config set shop.orders priority=50 lookback=null",
        "refreshctl config set shop.orders 'checks={\"table_min_ratio\": 0.8}' --preview",
    ),
    "config edit": ("EDITOR=nano refreshctl config edit shop.orders",),
    "config apply": ("refreshctl config apply changes.json", "refreshctl config apply - < changes.json --yes"),
    "config suggest": ("refreshctl config suggest shop.orders",),
    "tables list": ("refreshctl tables list",),
    "tables add": (
        "refreshctl tables add shop.orders --source my-project.shop.orders --ddl | psql",
        "refreshctl tables add shop.orders --source my-project.shop.orders --preview",
        "refreshctl tables add shop.orders --source my-project.shop.orders --set priority=50",
        "refreshctl tables add shop.orders_by_day --source sql:orders_by_day --set scope_column=day",
    ),
    "sql list": ("refreshctl sql list",),
    "sql show": ("refreshctl sql show orders_by_day",),
    "sql add": ('refreshctl sql add orders_by_day --file orders_by_day.sql --description "What a day brought"',),
    "sql set": ("refreshctl sql set orders_by_day --file orders_by_day.sql",),
    "sql check": ("refreshctl sql check orders_by_day", "refreshctl sql check orders_by_day --file changed.sql"),
    "sql remove": ("refreshctl sql remove orders_by_day",),
    "backfill start": (
        "refreshctl backfill start shop.orders --from 2025-01-01 --to 2025-06-30 --preview",
        "refreshctl backfill start shop.orders --from 2025-01-01 --to 2025-06-30 --visible slice --watch",
    ),
    "backfill list": ("refreshctl backfill list shop.orders",),
    "backfill show": (f"refreshctl backfill show {_ID}",),
    "backfill cancel": (f"refreshctl backfill cancel {_ID}",),
    "quarantine list": ("refreshctl quarantine list shop.orders --state open",),
    "quarantine replay": ("refreshctl quarantine replay shop.orders --watch",),
    "shadow report": ("refreshctl shadow report shop.orders --days 14",),
    "shadow promote": (
        "refreshctl shadow promote shop.orders",
        'refreshctl shadow promote shop.orders --force --reason "the old script has lost its server"',
    ),
    "shadow demote": ('refreshctl shadow demote shop.orders --reason "the old script writes it again"',),
    "webhooks list": ("refreshctl webhooks list",),
    "webhooks show": (f"refreshctl webhooks show {_ID}",),
    "webhooks add": (
        "refreshctl webhooks add https://example.com/hook --event refresh.failed --table 'shop.*'",
        "refreshctl webhooks add https://hooks.slack.com/services/T0/B0/X --kind slack",
    ),
    "webhooks set": (f"refreshctl webhooks set {_ID} --disable",),
    "webhooks remove": (f"refreshctl webhooks remove {_ID}",),
    "webhooks test": (f"refreshctl webhooks test {_ID}",),
    "webhooks rotate": (f"refreshctl webhooks rotate {_ID} --overlap 48",),
    "webhooks deliveries": (f"refreshctl webhooks deliveries {_ID} --state failed",),
    "webhooks delivery": (f"refreshctl webhooks delivery {_ID} {_RUN}",),
    "webhooks redeliver": (f"refreshctl webhooks redeliver {_ID} {_RUN}",),
    "webhooks recover": (f"refreshctl webhooks recover {_ID} --since 2026-01-31T06:00:00Z",),
    "dead-letters list": ("refreshctl dead-letters list",),
    "dead-letters send": ("refreshctl dead-letters send 17",),
}


def epilog(command: str) -> str:
    """Below the options of a command's help."""
    lines = EXAMPLES[command]
    return "\b\nExample:\n  " + lines[0] if len(lines) == 1 else "\b\nExamples:\n  " + "\n  ".join(lines)
