"""What the path needs from the world: a source, a store, a bus, a clock. Adapters provide them; tests may too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from shared.domain.dataset import Column
from shared.domain.messages import OwedMessage
from shared.domain.webhooks import WebhookRequest, WebhookResponse

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class SourceTable:
    """A BigQuery table or view as its metadata describes it."""

    reference: str
    """`project.dataset.table`, unquoted."""
    columns: tuple[Column, ...]
    is_table: bool
    """False for views and anything else that cannot be read `FOR SYSTEM_TIME AS OF`."""
    sql: str | None = None
    """The query itself, where the source is named SQL."""
    partition_column: str | None = None
    needs_partition_filter: bool = False
    """Whether BigQuery refuses queries that do not filter by the partition column."""


@dataclass(frozen=True, kw_only=True)
class QueryParameter:
    """A bound query parameter. `type` is a BigQuery type, `ARRAY<…>` with a sequence as value included."""

    name: str
    type: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class QueryJob:
    """A query with an id of its own: inserting it twice runs it once."""

    job_id: str
    sql: str
    parameters: tuple[QueryParameter, ...] = ()
    max_bytes_billed: int | None = None
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """A finished query job and the table that holds its result (kept about 24 hours)."""

    job_id: str
    project: str
    location: str
    table: str
    """Result table as `project.dataset.table`."""
    bytes_billed: int


@dataclass(frozen=True, kw_only=True)
class ReadSession:
    """A Storage Read session over a result table. Stream names and offsets are its own."""

    name: str
    streams: tuple[str, ...]


class Source(Protocol):
    """BigQuery. Every call may raise RetryLater, ResultLost, SnapshotLost or PermanentError."""

    def now(self) -> datetime:
        """The source's own clock, aware, in microseconds: a snapshot taken from it is readable at once."""
        ...

    def describe(self, reference: str) -> SourceTable:
        """Columns of a table or view; InvalidRegistration when it does not exist or may not be read."""
        ...

    def describe_query(self, reference: str, sql: str) -> SourceTable:
        """Columns of what a query over `@snapshot_at` answers, without running it; InvalidRegistration when BigQuery
        refuses it."""
        ...

    def run(self, job: QueryJob, *, timeout: float) -> JobResult:
        """Run or re-attach to the job and wait at most `timeout` seconds (StillRunning); ResultLost when its result
        is gone."""
        ...

    def estimate(self, job: QueryJob) -> int | None:
        """Bytes that the job would process, found without running it and free of charge; None when it is not said."""
        ...

    def fetch(self, result: JobResult) -> list[Row]:
        """All rows of a small result."""
        ...

    def open_session(self, result: JobResult, *, max_streams: int) -> ReadSession:
        """Open a read session over the result."""
        ...

    def read(self, stream: str, *, offset: int) -> Iterator[pa.RecordBatch]:
        """Batches of a stream from a row offset on; ResultLost when the session has expired."""
        ...


class Session(Protocol):
    """A transaction. Parameters are bound by name (`:name`)."""

    def run(self, sql: str, **parameters: Any) -> list[Row]: ...

    def run_prepared(self, sql: str, **parameters: Any) -> list[Row]:
        """The same, planned once for each connection: for what is asked often, and is to be planned alike each time."""
        ...

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> None:
        """Stream chunks into `COPY … FROM STDIN`."""
        ...


class Store(Protocol):
    """Postgres. A transaction commits when its block ends and rolls back when it raises."""

    def transaction(
        self, *, lock_timeout: float = 10.0, statement_timeout: float | None = None, isolation: str = "read committed"
    ) -> AbstractContextManager[Session]:
        """Begin; timeouts in seconds. Raises CommitUnknown when the reply to COMMIT is lost, RetryLater for passing
        trouble."""
        ...


class Bus(Protocol):
    """Pub/Sub."""

    def publish(self, messages: Sequence[OwedMessage]) -> list[int]:
        """Publish all; the outbox ids of those that Pub/Sub has taken. Raises RetryLater when it took none."""
        ...


class Clock(Protocol):
    """Time and chance of this process. Leases never use it: they are the database's."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

    def random(self) -> float:
        """Uniform in [0, 1)."""
        ...


class Steps(Protocol):
    """Told of every named step that the path reaches, in order; a place to watch a worker from, or to stop it in
    tests."""

    def reached(self, step: str) -> None: ...


class Shutdown(Protocol):
    """Whether the process has been told to end."""

    def requested(self) -> bool: ...


class WebhookSender(Protocol):
    """HTTP, to public addresses only."""

    def post(self, request: WebhookRequest) -> WebhookResponse:
        """Post once and return the answer, redirects included. NotSent when there is none within the time limit."""
        ...


class SecretBox(Protocol):
    """Encryption at rest. `context` says whose secret it is, and has to be the same when it is opened."""

    def seal(self, secret: bytes, *, context: bytes) -> bytes: ...

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """ConfigurationError when no configured key opens it."""
        ...
