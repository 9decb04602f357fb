"""What the plan query found: its rows as scopes, with what makes a source impossible to copy refused."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.dataset import REPORT
from shared.domain.definition import Definition
from shared.domain.errors import InvalidRegistration, PermanentError, ReconcileMismatch
from shared.domain.figures import figure_value
from shared.domain.scope import MAX_SCOPE_VALUES
from shared.planning.column_checks import ColumnCheck
from shared.planning.quality import read_reports
from shared.planning.scopes import FoundScope
from shared.planning.source_query import CHECK, FINGERPRINT, READ, ROWS, SCOPE, SOURCE_ROWS
from shared.ports import Row


def found_scopes(definition: Definition, rows: list[Row], checks: Sequence[ColumnCheck]) -> list[FoundScope]:
    """The scopes, from the rows of a plan query with these checks. InvalidRegistration for too many of them,
    ReconcileMismatch where rows are missing, PermanentError where a key is NULL."""
    if len(rows) > MAX_SCOPE_VALUES:
        raise InvalidRegistration(
            f"{definition.table}: the scope column has more than {MAX_SCOPE_VALUES} values; "
            "set scope_bucket (day, week, month or hash:N)"
        )
    read = sum(int(row[READ]) for row in rows)
    if rows and read != int(rows[0][SOURCE_ROWS]):
        raise ReconcileMismatch(
            f"{definition.table}: the query accounts for {read} of {rows[0][SOURCE_ROWS]} source rows"
        )
    found = [_found_scope(definition, row, len(checks)) for row in rows]
    _check_key(definition, found)
    return found


def _found_scope(definition: Definition, row: Row, checks: int) -> FoundScope:
    return FoundScope(
        value=row[SCOPE],
        rows=row[ROWS],
        rows_read=int(row[READ]),
        fingerprint=row[FINGERPRINT],
        figures={
            column.name: {name: figure_value(row[f"c{i}_{name}"]) for name in column.figure_expressions(f"c{i}")}
            for i, column in enumerate(definition.columns)
        },
        reports=read_reports(row[REPORT], definition.dataset) if REPORT in row and definition.dataset else (),
        failing=tuple(int(row[f"{CHECK}{i}"]) for i in range(checks)),
    )


def _check_key(definition: Definition, found: Sequence[FoundScope]) -> None:
    for name in definition.key:
        for scope in found:
            nulls = scope.rows - int(scope.figures[name]["count"] or 0)
            if nulls:
                raise PermanentError(
                    f"{definition.table}: key column {name} is NULL in {nulls} source row(s) of scope {scope.value}; "
                    "mend the source, or choose a key without NULLs",
                    reason="null_key",
                )
