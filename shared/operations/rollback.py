"""Take back what a run has published. The database does it, in one transaction, and says what stands in the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from shared.domain.errors import RefreshError, StoreRefused
from shared.domain.ids import TableName
from shared.operations.replay import RunUnknown
from shared.ports import Store
from shared.sql import statement

_STATE_FORBIDS = "55000"
_NO_DATA = "P0002"
_TIMEOUT_SECONDS = 240.0


class CannotRollBack(RefreshError):
    """Something stands in the way; `runs` are later ones that have to be taken back before."""

    def __init__(self, message: str, runs: Sequence[UUID]) -> None:
        super().__init__(message)
        self.runs = tuple(runs)


class NothingPublished(RefreshError):
    """The run has published no rows, or none of the tables named."""


@dataclass(frozen=True, kw_only=True)
class TakenBack:
    """A publish that was taken back, with the rows that it had written."""

    table: TableName
    rows_inserted: int
    rows_updated: int
    rows_deleted: int


def roll_back(
    store: Store, run_id: UUID, *, tables: Sequence[TableName] | None, subject: str, reason: str
) -> list[TakenBack]:
    """Take back the run's publishes of the tables (None: of all), all or none.

    Raises RunUnknown, NothingPublished, CannotRollBack, and LockTimeout while a publish of one of the tables is under
    way.
    """
    named = None if tables is None else [str(table) for table in tables]
    try:
        with store.transaction(statement_timeout=_TIMEOUT_SECONDS) as session:
            rows = session.run(statement("roll_back"), run_id=run_id, tables=named, subject=subject, reason=reason)
    except StoreRefused as error:
        raise _refusal(store, error, run_id, named) from error
    return [
        TakenBack(
            table=TableName(schema=row["table_schema"], name=row["table_name"]),
            rows_inserted=row["rows_inserted"],
            rows_updated=row["rows_updated"],
            rows_deleted=row["rows_deleted"],
        )
        for row in rows
    ]


def _refusal(store: Store, error: StoreRefused, run_id: UUID, tables: list[str] | None) -> RefreshError:
    if error.sqlstate == _NO_DATA:
        with store.transaction() as session:
            known = session.run(statement("run_to_replay"), run_id=run_id)
        return NothingPublished(str(error)) if known else RunUnknown(f"there is no run {run_id}")
    if error.sqlstate != _STATE_FORBIDS:
        return error
    with store.transaction() as session:
        later = session.run(statement("runs_in_the_way"), run_id=run_id, tables=tables)
    return CannotRollBack(str(error), [row["run_id"] for row in later])
