"""A run, shown to people: its tables, what became of them, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from infra.cli.documents import Document
from infra.cli.output import Output, milliseconds, moment, quoted, size, state
from infra.cli.watch import FINE

_FEW = 30
"""So many tables are all listed; of more those that ended well are left out, unless all are asked for."""
_NEXT = {
    "failed": "mend the cause that the error names, then: refreshctl replay {run}",
    "held": "look at the source, then: refreshctl release {table}, or: refreshctl refuse {table} --reason WHY",
    "not_equal": "refreshctl trigger {table} --force --watch, then: refreshctl verify {table}",
    "cost_cap": "raise the cap that the error names (refreshctl config set), then: refreshctl trigger {table}",
    "schema_drift": "run the statement that the error has, then: refreshctl trigger {table}",
    "group_held": "see to the table that the error names; the next run takes the whole group",
    "rows_quarantined": "refreshctl quarantine list {table} --run {run}",
    "checks_warned": "refreshctl quality {table} --run {run} --failed",
    "scopes_held": "refreshctl quality {table} --run {run} --failed, then: refreshctl release {table}, or refuse it",
}
"""What to do, by the reason, or else the status, that a table has ended with."""


def show_run(out: Output, document: Document, *, everything: bool = False) -> None:
    """A run with its tables, and what to do about those that did not end well."""
    out.lines(
        (
            ("run", document["run_id"]),
            ("status", state(document["status"])),
            ("asked for by", f"{document['requested_by']} ({document['trigger']})"),
            ("replay of", document["replay_of"]),
            ("replayed by", ", ".join(document["replayed_by"]) or None),
            ("snapshot", f"{moment(document['snapshot_at'])} UTC"),
            ("began", f"{moment(document['created_at'])} UTC"),
            ("took", milliseconds(document["duration_ms"])),
            ("billed", f"{size(document['cost']['bytes_billed'])} (${document['cost']['usd']:.4f})"),
        )
    )
    tables = document["tables"]
    shown = [one for one in tables if everything or len(tables) <= _FEW or one["status"] not in FINE or one["reason"]]
    if shown:
        out.line("")
        _list(out, shown)
    if len(shown) < len(tables):
        out.line(f"{len(tables) - len(shown):,} more ended well: refreshctl run {document['run_id']} --all")
    for one in shown:
        for line in _what_to_know(one, document["run_id"]):
            out.line(line)


def _list(out: Output, tables: list[Document]) -> None:
    out.table(
        ("table", "status", "read", "new", "changed", "gone", "took"),
        (
            (
                one["table"],
                state(one["status"]),
                one["rows_read"],
                one["rows_inserted"],
                one["rows_updated"],
                one["rows_deleted"],
                milliseconds(one["duration_ms"]),
            )
            for one in tables
        ),
        right=("read", "new", "changed", "gone", "took"),
        spare=("took", "read"),
    )


def _what_to_know(table: Document, run_id: str) -> Iterator[str]:
    if table["rolled_back"]:
        taken = table["rolled_back"]
        yield f"{table['table']}: taken back by {taken['by']}: {taken['reason']}"
    if table["reason"]:
        yield f"{table['table']}: {table['reason']}" + (f": {table['error']}" if table["error"] else "")
        advice = _NEXT.get(table["reason"]) or _NEXT.get(table["status"])
        if advice and table["finished_at"]:
            yield f"  → {advice.format(table=quoted(table['table']), run=run_id)}"


def show_slices(out: Output, tables: list[Document]) -> None:
    """The slices of each table: the parts that one job each has read."""
    for table in tables:
        if not table["slices"]:
            continue
        out.line("")
        out.line(f"{table['table']}: {table['slices_done']:,} of {table['slices_total']:,} slices")
        out.table(
            ("slice", "status", "from", "to", "expected", "received", "attempt"),
            (
                (
                    one["slice_no"],
                    state(one["status"]),
                    one["scope_from"],
                    one["scope_to"],
                    one["rows_expected"],
                    one["rows_received"],
                    one["attempt"],
                )
                for one in table["slices"]
            ),
            right=("slice", "expected", "received", "attempt"),
        )
