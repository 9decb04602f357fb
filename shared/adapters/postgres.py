"""Postgres over pg8000: transactions with time limits, named parameters, COPY, errors sorted by SQLSTATE."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from threading import BoundedSemaphore, Lock
from typing import Any

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import to_statement

from shared import tracing
from shared.adapters.database_url import CONNECT_TIMEOUT_SECONDS, connection_arguments
from shared.adapters.prepared import PreparedStatements
from shared.domain.errors import (
    CommitUnknown,
    LockTimeout,
    RefreshError,
    RetryLater,
    RetryNow,
    StatementTimeout,
    StoreRefused,
)
from shared.domain.quoting import postgres_identifier
from shared.planning.classification import Disposition, of_sqlstate
from shared.ports import Row, Session

Connect = Callable[[], pg8000.native.Connection]
"""Opens a connection. Raises what pg8000 raises, or a RefreshError."""

_CONNECTION_LOST = (InterfaceError, OSError)


class PostgresStore:
    """A `Store`. Connections are opened when first needed and kept for the next transaction.

    `database`: an address, see `connection_arguments`, or what opens a connection. `role`: what the login acts as.
    `max_connections`: so many transactions at once; a further one waits, and ends in RetryLater after ten seconds.
    """

    def __init__(
        self,
        database: str | Connect,
        *,
        role: str | None = None,
        max_connections: int | None = None,
        application_name: str = "refresh",
    ) -> None:
        if isinstance(database, str):
            arguments = connection_arguments(database)
            database = partial(pg8000.native.Connection, **arguments, application_name=application_name)
        self._connect: Connect = database
        self._setting_up = "SET TIME ZONE 'UTC'; SET intervalstyle = 'postgres'; SET datestyle = 'ISO'; SET jit = off"
        if role is not None:
            self._setting_up += f"; SET ROLE {postgres_identifier(role)}"
        self._slots = BoundedSemaphore(max_connections) if max_connections is not None else None
        self._idle: list[pg8000.native.Connection] = []
        self._prepared = PreparedStatements()
        self._lock = Lock()

    @contextmanager
    def transaction(
        self, *, lock_timeout: float = 10.0, statement_timeout: float | None = None, isolation: str = "read committed"
    ) -> Iterator[Session]:
        """See `ports.Store`. Timeouts in seconds."""
        with self._slot(), self._transaction(lock_timeout, statement_timeout, isolation) as session:
            yield session

    @contextmanager
    def _transaction(self, lock_timeout: float, statement_timeout: float | None, isolation: str) -> Iterator[Session]:
        connection = self._begun(
            f"BEGIN ISOLATION LEVEL {isolation}; SET LOCAL lock_timeout = {round(lock_timeout * 1000)};"
            f"SET LOCAL statement_timeout = {round((statement_timeout or 0) * 1000)};"
            f"SET LOCAL idle_in_transaction_session_timeout = 120000{_traced()}"
        )
        try:
            yield _PostgresSession(connection, self._prepared)
        except BaseException:
            self._roll_back(connection)
            raise
        try:
            connection.run("COMMIT")
        except _CONNECTION_LOST as error:
            _close(connection)
            raise CommitUnknown(f"the reply to COMMIT was lost: {error!r}") from error
        except DatabaseError as error:
            self._roll_back(connection)
            raise _sorted_error(error) from error
        self._give_back(connection)

    def close(self) -> None:
        """Close every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            _close(connection)

    @contextmanager
    def _slot(self) -> Iterator[None]:
        if self._slots is not None and not self._slots.acquire(timeout=CONNECT_TIMEOUT_SECONDS):
            raise RetryLater("every database connection of this process is in use", reason="connections_in_use")
        try:
            yield
        finally:
            if self._slots is not None:
                self._slots.release()

    def _begun(self, begin: str) -> pg8000.native.Connection:
        """A connection in a transaction: an idle one, those that died while they were idle left out, or a new one."""
        while (idle := self._take_idle()) is not None:
            try:
                idle.run(begin)
                return idle
            except (DatabaseError, *_CONNECTION_LOST):
                _close(idle)
        with _translated():
            connection = self._connect()
            _watch(connection._usock)
            connection.run(self._setting_up)
            connection.run(begin)
            return connection

    def _take_idle(self) -> pg8000.native.Connection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _give_back(self, connection: pg8000.native.Connection) -> None:
        with self._lock:
            self._idle.append(connection)

    def _roll_back(self, connection: pg8000.native.Connection) -> None:
        try:
            connection.run("ROLLBACK")
        except (DatabaseError, *_CONNECTION_LOST):
            _close(connection)
        else:
            self._give_back(connection)


def _traced() -> str:
    """What tells the transaction its span, so that messages that it owes carry on the trace. It is hexadecimal."""
    parent = tracing.traceparent()
    return "" if parent is None else f"; SET LOCAL refresh.traceparent = '{parent}'"


class _PostgresSession:
    def __init__(self, connection: pg8000.native.Connection, prepared: PreparedStatements) -> None:
        self._connection = connection
        self._prepared = prepared

    def run(self, sql: str, **parameters: Any) -> list[Row]:
        with _translated():
            done = self._executed(sql, parameters)
        return _rows(done.columns, done.rows)

    def run_prepared(self, sql: str, **parameters: Any) -> list[Row]:
        with _translated():
            prepared = self._prepared.of(self._connection, sql)
            found = prepared.run(**parameters)
        return _rows(prepared.columns, found)

    def _executed(self, sql: str, parameters: Mapping[str, Any]) -> Any:
        if not parameters:
            return self._connection.execute_simple(sql)
        numbered, values = _numbered(sql)
        return self._connection.execute_unnamed(numbered, values(parameters))

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> None:
        stream = _Guarded(chunks)
        try:
            with _translated():
                self._connection.run(sql, stream=stream)
        except RefreshError:
            if stream.failure is not None:
                raise stream.failure from None
            raise
        if stream.failure is not None:
            raise stream.failure


def _rows(columns: Any, rows: Any) -> list[Row]:
    names = [column["name"] for column in columns or ()]
    return [dict(zip(names, row, strict=True)) for row in rows or ()]


@lru_cache(maxsize=256)
def _numbered(sql: str) -> tuple[str, Callable[[Mapping[str, Any]], tuple[Any, ...]]]:
    """The statement with $1, $2 …, and what puts values by name in that order. pg8000 reads it letter by letter."""
    return to_statement(sql)  # type: ignore[no-any-return]


class _Guarded:
    """Chunks that end the COPY with garbage when their source fails, so that the server refuses what was sent so far.

    pg8000 would leave the protocol in the middle of a COPY if its stream raised.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.failure: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except GeneratorExit:
            raise  # the connection failed, not the chunks
        except BaseException as error:
            self.failure = error
            yield b"\x00"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise _sorted_error(error) from error
    except _CONNECTION_LOST as error:
        raise RetryLater(f"database connection lost: {error!r}", reason="database_unavailable") from error


def _sorted_error(error: DatabaseError) -> RefreshError:
    fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    code = fields.get("C", "")
    message = ". ".join(str(fields[key]) for key in ("M", "D", "H") if fields.get(key)) or str(error)
    match of_sqlstate(code):
        case Disposition.RETRY_NOW:
            return RetryNow(message, reason=f"sqlstate_{code}")
        case Disposition.LOCK_TIMEOUT:
            return LockTimeout(message, reason="lock_timeout")
        case Disposition.STATEMENT_TIMEOUT:
            return StatementTimeout(message, reason="statement_timeout")
        case Disposition.RETRY_LATER:
            return RetryLater(message, reason=f"sqlstate_{code}")
        case _:
            return StoreRefused(message, sqlstate=code, constraint=fields.get("n"))


def _watch(connection: socket.socket) -> None:
    """A statement may take as long as its timeout says, but a server that is gone is noticed within a minute.

    Nothing waits to be sent together with what comes next: each COPY would take 40 ms longer.
    """
    connection.settimeout(None)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)


def _close(connection: pg8000.native.Connection) -> None:
    with suppress(DatabaseError, *_CONNECTION_LOST):
        connection.close()
