"""Ask for a range of scopes of tables, or end a backfill. The rules are the database's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from shared.domain.errors import RefreshError, StoreRefused
from shared.domain.ids import RunId, TableName
from shared.operations import documents
from shared.operations.requests import Asking, TablesBusy, TablesUnknown, find
from shared.ports import Session, Store
from shared.sql import statement

_UNDEFINED_TABLE, _OBJECT_IN_USE = "42P01", "55006"
_NOT_FILLABLE = ("55000", "22023")


class NotFillable(RefreshError):
    """The table, or the range, cannot be filled; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class BackfillRange:
    """Days from one to another, both included, and whether parts are visible as they are done (`slice`, or `end`)."""

    first: date
    last: date
    visible: str


@dataclass(frozen=True, kw_only=True)
class Backfill:
    """A backfill and the run that begins it."""

    backfill_id: UUID
    run_id: RunId


def request_backfills(
    store: Store, asking: Asking, *, tables: Sequence[TableName], wanted: BackfillRange
) -> list[Backfill]:
    """Make a backfill of each table, all or none, or find those that were made for the key.

    Raises KeyReused, TablesUnknown, TablesBusy, NotFillable.
    """
    with store.transaction() as session:
        session.run(statement("lock_requests"))
        return [_request(session, _numbered(asking, n), table, wanted) for n, table in enumerate(tables)]


def preview_backfill(store: Store, table: TableName, wanted: BackfillRange, *, subject: str) -> str:
    """What a backfill would look at, as JSON: it is asked for, and that is taken back.

    Raises TablesUnknown, TablesBusy, NotFillable.
    """
    key = {"schema": table.schema, "name": table.name}
    with store.transaction(statement_timeout=10.0) as session:
        session.run("SAVEPOINT untouched")
        _request(session, Asking(subject=subject, key=None, body={}), table, wanted)
        session.run("ROLLBACK TO SAVEPOINT untouched")
        text = documents.read_in(session, "preview_backfill", **key, first=wanted.first, last=wanted.last)
    if text is None:
        raise TablesUnknown([str(table)])
    return text


def cancel_backfill(store: Store, backfill_id: UUID, *, subject: str) -> bool:
    """End a backfill; False when it had ended, or is unknown."""
    with store.transaction() as session:
        rows = session.run(statement("cancel_backfill"), backfill_id=backfill_id, requested_by=subject)
    return bool(rows[0]["cancelled"])


def _numbered(asking: Asking, number: int) -> Asking:
    """A key for each of several tables that one request names."""
    return asking if asking.key is None or number == 0 else replace(asking, key=f"{asking.key}#{number}")


def _request(session: Session, asking: Asking, table: TableName, wanted: BackfillRange) -> Backfill:
    made = find(session, asking)
    if made is not None:
        return Backfill(backfill_id=UUID(made["request"]["backfill"]["id"]), run_id=RunId(made["run_id"]))
    try:
        rows = session.run(
            statement("request_backfill"),
            table=str(table),
            **vars(wanted),
            requested_by=asking.subject,
            idempotency_key=asking.idempotency_key,
            request_hash=asking.request_hash,
        )
    except StoreRefused as error:
        raise _why(error, table) from error
    (row,) = session.run(statement("backfill_run"), backfill_id=rows[0]["backfill_id"])
    return Backfill(backfill_id=row["backfill_id"], run_id=RunId(row["run_id"]))


def _why(error: StoreRefused, table: TableName) -> RefreshError:
    if error.sqlstate == _UNDEFINED_TABLE:
        return TablesUnknown([str(table)])
    if error.sqlstate == _OBJECT_IN_USE:
        return TablesBusy([str(table)])
    return NotFillable(str(error)) if error.sqlstate in _NOT_FILLABLE else error
