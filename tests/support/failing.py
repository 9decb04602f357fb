"""Ports whose n-th call fails, once or for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, cast

import pyarrow as pa

from shared.domain.errors import CommitUnknown
from shared.domain.messages import OwedMessage
from shared.ports import Bus, JobResult, QueryJob, ReadSession, Row, Session, Source, SourceTable, Store

type Lost = Literal["request", "reply"]


class Failure:
    """Fails the `at`-th call (from 1), and if `for_good` every later one too; only calls named in `calls`, if given."""

    def __init__(
        self,
        error: Callable[[], BaseException],
        at: int,
        *,
        for_good: bool = False,
        calls: frozenset[str] = frozenset(),
    ) -> None:
        self._error = error
        self._at = at
        self._for_good = for_good
        self._calls = calls
        self._seen = 0
        self.struck = False

    def call(self, name: str) -> None:
        """Told of every call before it is made."""
        if self._calls and name not in self._calls:
            return
        self._seen += 1
        if self._seen == self._at or (self._for_good and self._seen > self._at):
            self.struck = True
            raise self._error()


class FailingStore:
    """A `Store` whose statements fail."""

    def __init__(self, store: Store, failure: Failure) -> None:
        self._store = store
        self._failure = failure

    @contextmanager
    def transaction(self, **options: Any) -> Iterator[Session]:
        with self._store.transaction(**options) as session:
            yield cast(Session, _FailingSession(session, self._failure))


class _FailingSession:
    def __init__(self, session: Session, failure: Failure) -> None:
        self._session = session
        self._failure = failure

    def run(self, sql: str, **parameters: Any) -> list[Row]:
        self._failure.call("run")
        return self._session.run(sql, **parameters)

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> None:
        self._failure.call("copy_in")
        self._session.copy_in(sql, chunks)


class ForgetfulStore:
    """A `Store` that loses the `at`-th COMMIT on its way, or the reply to it."""

    def __init__(self, store: Store, at: int, lost: Lost) -> None:
        self._store = store
        self._at = at
        self._lost = lost
        self._seen = 0

    @property
    def struck(self) -> bool:
        return self._seen >= self._at

    @contextmanager
    def transaction(self, **options: Any) -> Iterator[Session]:
        with self._store.transaction(**options) as session:
            yield session
            self._seen += 1
            now = self._seen == self._at
            if now and self._lost == "request":
                raise CommitUnknown("the COMMIT never arrived")
        if now:
            raise CommitUnknown("the COMMIT's reply never arrived")


class FailingSource:
    """A `Source` whose calls fail; each batch of a stream is a call of its own."""

    def __init__(self, source: Source, failure: Failure) -> None:
        self._source = source
        self._failure = failure

    def now(self) -> Any:
        self._failure.call("now")
        return self._source.now()

    def describe(self, reference: str) -> SourceTable:
        self._failure.call("describe")
        return self._source.describe(reference)

    def describe_query(self, reference: str, sql: str) -> SourceTable:
        self._failure.call("describe_query")
        return self._source.describe_query(reference, sql)

    def run(self, job: QueryJob, *, timeout: float) -> JobResult:
        self._failure.call("run")
        return self._source.run(job, timeout=timeout)

    def estimate(self, job: QueryJob) -> int | None:
        self._failure.call("estimate")
        return self._source.estimate(job)

    def fetch(self, result: JobResult) -> list[Row]:
        self._failure.call("fetch")
        return self._source.fetch(result)

    def open_session(self, result: JobResult, *, max_streams: int) -> ReadSession:
        self._failure.call("open_session")
        return self._source.open_session(result, max_streams=max_streams)

    def read(self, stream: str, *, offset: int) -> Iterator[pa.RecordBatch]:
        for batch in self._source.read(stream, offset=offset):
            self._failure.call("read")
            yield batch


class FailingBus:
    """A `Bus` whose calls fail."""

    def __init__(self, bus: Bus, failure: Failure) -> None:
        self._bus = bus
        self._failure = failure

    def publish(self, messages: Sequence[OwedMessage]) -> list[int]:
        self._failure.call("publish")
        return self._bus.publish(messages)
