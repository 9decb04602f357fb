"""The daily report: a shadow and the live table that another program fills, row by row.

Both are looked at as one snapshot shows them, which the publish transaction of a shadow run sees to.
"""

from __future__ import annotations

from typing import Any

from shared.domain.definition import Definition
from shared.domain.ids import TaskId
from shared.domain.quoting import postgres_identifier, postgres_literal
from shared.domain.states import ScopeAction
from shared.domain.types import WireColumn
from shared.planning.settlement import Settlement
from shared.ports import Row, Session
from shared.refresh.claim import task_parameters
from shared.refresh.merge import qualified, target_name
from shared.sql import statement

SAMPLES = 10
"""Rows of each kind that are shown."""
SCOPES = 100
"""Scopes that are shown, those with the most differences."""
_FLOATS = ("double precision", "real")
_TEMPORARY = ", ".join(f"pg_temp.refresh_{name}" for name in ("pairs", "live", "staged", "differences"))

Tolerances = dict[str, dict[str, Any]]
"""Column to `absolute`, `relative` or both, or to `ignore`."""


def report_shadow(session: Session, task: TaskId, definition: Definition, state: Row, settlement: Settlement) -> None:
    """Compare the shadow as it is now with the live table, and keep the report of the day."""
    (rules,) = session.run(statement("shadow_tolerances"), **task_parameters(task))
    held = settlement.having(ScopeAction.HELD)
    names = _names(definition, rules["shadow_tolerances"], state["scan_from"])
    session.run(
        statement("note_shadow"),
        **task_parameters(task),
        columns=[column.name for column in definition.columns],
        key_columns=list(definition.key),
        scope_column=definition.scope.column if definition.scope else None,
        scope_bucket=definition.scope.bucket if definition.scope else None,
        held_scopes=held,
    )
    session.run(f"DROP TABLE IF EXISTS {_TEMPORARY}")
    steps = ("merge_pairs",) if definition.key else ("multiset_images", "multiset_staged", "multiset_pairs")
    for name in steps:
        session.run(statement(name).format(**names))
    session.run("ANALYZE refresh_pairs")
    session.run(statement("compare_rows").format(**names))
    session.run(
        statement("insert_shadow_report").format(**names),
        **task_parameters(task),
        definition_hash=definition.hash,
        held=len(held),
        samples=SAMPLES,
        max_scopes=SCOPES,
    )


def _names(definition: Definition, tolerances: Tolerances, scan_from: str | None) -> dict[str, str]:
    """What the statements of merge and comparison need, with the shadow in the place of what was staged."""
    rules = {column.name: tolerances.get(column.name, {}) for column in definition.columns}
    compared = [column for column in definition.columns if not rules[column.name].get("ignore")]
    quoted = [postgres_identifier(column.name) for column in compared]
    key = [postgres_identifier(name) for name in definition.key]
    shadow, live = target_name(definition), qualified(definition.table)
    if scan_from is not None and definition.scope is not None:
        shadow, live = (
            f"(SELECT r.tableoid, r.ctid, r.* FROM {table} r"
            f" WHERE {definition.scope.postgres_value('r')} >= {postgres_literal(scan_from)})"
            for table in (shadow, live)
        )
    differing = [_differs(column, rules[column.name]) for column in compared]
    shown = key or quoted
    return {
        "staging": shadow,
        "target": live,
        "live": live,
        "in_scopes": "false" if definition.strategy == "append" else "true",
        "live_row": ", ".join(f"t.{name}" for name in quoted),
        "staged_row": ", ".join(f"s.{name}" for name in quoted),
        "key_match": " AND ".join(f"t.{name} = s.{name}" for name in key),
        "changed": f"array_remove(ARRAY[{', '.join(differing)}]::text[], NULL)",
        "staged_scope": definition.scope.postgres_value("s") if definition.scope else "NULL::text",
        "live_scope": definition.scope.postgres_value("t") if definition.scope else "NULL::text",
        "staged_shown": _shown("s", shown),
        "live_shown": _shown("t", shown),
        "staged_values": _shown("s", quoted),
        "live_values": _shown("t", quoted),
    }


def _differs(column: WireColumn, rule: dict[str, Any]) -> str:
    """The column's name where its values differ by more than they may, else NULL. NULL, NaN and the infinities are
    near to nothing."""
    name = postgres_identifier(column.name)
    differs = f"ROW(t.{name})::record *<> ROW(s.{name})::record"
    if rule:
        number = "double precision" if column.target_type in _FLOATS else "numeric"
        live, shadow = (f"{alias}.{name}::{number}" for alias in ("t", "s"))
        absolute, relative = float(rule.get("absolute", 0)), float(rule.get("relative", 0))
        allowed = f"greatest({absolute!r}::{number}, {relative!r}::{number} * greatest(abs({live}), abs({shadow})))"
        apart = f"abs({live} - {shadow})"
        differs += f" AND NOT coalesce({apart} <= {allowed} AND {apart} < 'Infinity', false)"
    return f"CASE WHEN {differs} THEN {postgres_literal(column.name)} END"


def _shown(alias: str, columns: list[str]) -> str:
    return f"(SELECT to_jsonb(shown) FROM (SELECT {', '.join(f'{alias}.{name}' for name in columns)}) shown)"
