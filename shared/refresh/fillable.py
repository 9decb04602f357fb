"""Which plans may fill their target straight away (see fill.py)."""

from __future__ import annotations

from collections.abc import Sequence

from shared.domain.definition import Definition
from shared.planning.checks import read_checks
from shared.planning.slices import PlannedSlice
from shared.ports import Session
from shared.refresh.merge import target_is_empty

FILL_ROWS = 2_000_000
FILL_PLANNED = "planned"


def fillable(session: Session, definition: Definition, slices: Sequence[PlannedSlice], *, grouped: bool) -> bool:
    """Whether the target is empty, few enough rows come, every column travels just as it is kept, and no check needs
    the rows to be staged.

    Never in a publish group: its transaction locks many tables and is to be short, so it reads nothing from BigQuery.
    """
    return (
        not grouped
        and 0 < sum(one.rows for one in slices) <= FILL_ROWS
        and definition.loaded_at_column is None
        and not read_checks(definition).judges_what_is_staged
        and all(column.published("c") == "c" for column in definition.columns)
        and target_is_empty(session, definition)
    )
