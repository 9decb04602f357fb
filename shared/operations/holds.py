"""Decide about a held table: release what was held, or refuse it. The rules are the database's own."""

from __future__ import annotations

from uuid import UUID

from shared.domain.errors import RefreshError, StoreRefused
from shared.domain.ids import RunId, TableName
from shared.operations.requests import Asking, TablesUnknown, find
from shared.ports import Store
from shared.sql import statement

_WORDS = {
    "RF001": "not_held",
    "RF002": "superseded",
    "RF003": "already_running",
    "RF004": "table_disabled",
    "RF005": "not_releasable",
    "RF006": "released",
    "RF007": "refused",
    "RF008": "hold_expired",
    "RF009": "nothing_quarantined",
}
_UNDEFINED_TABLE = "42P01"


class NothingToDecide(RefreshError):
    """There is no hold that could be decided about now; `word` is a stable word for why."""

    def __init__(self, message: str, *, word: str) -> None:
        super().__init__(message)
        self.word = word


def release(store: Store, asking: Asking, table: TableName, run_id: UUID | None) -> RunId:
    """Ask for a run that publishes what is held, or find the one that was made for the key.

    `run_id`: the run that was held; None: the latest. Raises NothingToDecide, TablesUnknown, KeyReused.
    """
    return _requested(store, asking, table, "release_hold", run_id=run_id)


def replay_quarantine(store: Store, asking: Asking, table: TableName) -> RunId:
    """Ask for a run that reads anew what has rows in quarantine, or find the one that was made for the key.

    Raises NothingToDecide, TablesUnknown, KeyReused.
    """
    return _requested(store, asking, table, "replay_quarantine")


def refuse(store: Store, table: TableName, run_id: UUID | None, *, reason: str, actor: str) -> int:
    """Refuse what is held; how many scopes that is. Raises NothingToDecide, TablesUnknown."""
    try:
        with store.transaction() as session:
            rows = session.run(
                statement("refuse_hold"), table=str(table), reason=reason, run_id=run_id, requested_by=actor
            )
    except StoreRefused as error:
        raise _why(error, table) from error
    return int(rows[0]["scopes"])


def _requested(store: Store, asking: Asking, table: TableName, name: str, **more: UUID | None) -> RunId:
    """The run that the statement makes, or that was made for the key before."""
    try:
        with store.transaction() as session:
            session.run(statement("lock_requests"))
            made = find(session, asking)
            if made is not None:
                return RunId(made["run_id"])
            rows = session.run(
                statement(name),
                table=str(table),
                requested_by=asking.subject,
                idempotency_key=asking.idempotency_key,
                request_hash=asking.request_hash,
                **more,
            )
    except StoreRefused as error:
        raise _why(error, table) from error
    return RunId(rows[0]["run_id"])


def _why(error: StoreRefused, table: TableName) -> RefreshError:
    if error.sqlstate in _WORDS:
        return NothingToDecide(str(error), word=_WORDS[error.sqlstate])
    return TablesUnknown([str(table)]) if error.sqlstate == _UNDEFINED_TABLE else error
