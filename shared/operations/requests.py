"""Ask for a run: whether it may be made now, and the row and message that make it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from shared.domain.errors import RefreshError
from shared.domain.ids import RunId, TableName
from shared.domain.states import Mode
from shared.ports import Session, Store
from shared.sql import statement


class TablesUnknown(RefreshError):
    """Tables that nobody has registered."""

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(f"not registered: {', '.join(tables)}")
        self.tables = tuple(tables)


class TablesDisabled(RefreshError):
    """Tables whose mode says that they are not refreshed."""

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(f"disabled: {', '.join(tables)}")
        self.tables = tuple(tables)


class ModeNotAllowed(RefreshError):
    """Tables of which a run may not go as far as was asked; `modes` are those that they are registered with."""

    def __init__(self, modes: Mapping[str, str]) -> None:
        super().__init__(f"registered otherwise: {', '.join(modes)}")
        self.modes = dict(modes)


class TablesBusy(RefreshError):
    """Tables that are being refreshed, or about to be."""

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(f"already running: {', '.join(tables)}")
        self.tables = tuple(tables)


class TooSoon(RefreshError):
    """Tables that were refreshed less than an hour ago; `seconds` until the last of them may be again."""

    def __init__(self, tables: Sequence[str], seconds: int) -> None:
        super().__init__(f"refreshed less than an hour ago: {', '.join(tables)}")
        self.tables = tuple(tables)
        self.seconds = seconds


class NothingToRefresh(RefreshError):
    """No table is registered to be refreshed in the way that was asked for."""


class KeyReused(RefreshError):
    """The idempotency key stands for another request."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Who asks, and by which key they can ask again without doubling anything."""

    subject: str
    key: str | None
    body: Any
    """What was asked, as JSON: the same key with another body is an error."""

    @property
    def idempotency_key(self) -> str | None:
        return None if self.key is None else f"http:{self.subject}:{self.key}"

    @property
    def request_hash(self) -> str:
        text = json.dumps(self.body, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def request_run(
    store: Store, asking: Asking, *, tables: Sequence[TableName] | None, force: bool, mode: Mode | None = None
) -> RunId:
    """Make a manual run of the tables (None: all that are enabled), or find the one that was made for the key.

    `mode` None: each table as it is registered. Raises KeyReused, TablesUnknown, TablesDisabled, ModeNotAllowed,
    NothingToRefresh, TablesBusy, TooSoon.
    """
    with store.transaction() as session:
        session.run(statement("lock_requests"))
        made = find(session, asking)
        if made is not None:
            return RunId(made["run_id"])
        wanted = None if tables is None else [str(table) for table in tables]
        check_tables(session, wanted, force=force, mode=mode)
        request: dict[str, Any] = {"force": force} | ({} if wanted is None else {"tables": wanted})
        request |= {} if mode is None else {"mode": str(mode)}
        return insert_run(session, asking, trigger="manual", request=request)


def find(session: Session, asking: Asking) -> dict[str, Any] | None:
    """The run that was made for the key; KeyReused when it was for another body."""
    if asking.idempotency_key is None:
        return None
    rows = session.run(statement("find_request"), idempotency_key=asking.idempotency_key)
    if not rows:
        return None
    if rows[0]["request_hash"] != asking.request_hash:
        raise KeyReused("this idempotency key was used for another request")
    return rows[0]


def check_tables(session: Session, wanted: Sequence[str] | None, *, force: bool, mode: Mode | None = None) -> None:
    """Raise what stands against refreshing the tables now."""
    rows = session.run(
        statement("tables_requested"),
        tables=None if wanted is None else list(wanted),
        mode=None if mode is None else str(mode),
    )
    unknown = sorted(set(wanted or ()) - {row["table"] for row in rows})
    if unknown:
        raise TablesUnknown(unknown)
    if not rows:
        raise NothingToRefresh("no table is registered to be refreshed so")
    disabled = [row["table"] for row in rows if row["mode"] == "disabled"]
    if disabled:
        raise TablesDisabled(disabled)
    refused = {row["table"]: row["mode"] for row in rows if not row["allowed"]}
    if refused:
        raise ModeNotAllowed(refused)
    busy = [row["table"] for row in rows if row["busy"]]
    if busy:
        raise TablesBusy(busy)
    soon = {row["table"]: row["seconds_to_wait"] for row in rows if row["seconds_to_wait"] is not None}
    if soon and not force:
        raise TooSoon(list(soon), max(1, *soon.values()))


def insert_run(
    session: Session, asking: Asking, *, trigger: str, request: dict[str, Any], replay_of: UUID | None = None
) -> RunId:
    """Insert the run and owe the message that has it planned."""
    rows = session.run(
        statement("insert_requested_run"),
        trigger=trigger,
        requested_by=asking.subject,
        request=json.dumps(request),
        idempotency_key=asking.idempotency_key,
        request_hash=asking.request_hash,
        replay_of=replay_of,
    )
    return RunId(rows[0]["run_id"])
