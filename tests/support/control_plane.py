"""The control plane for tests of the orchestrator: tables, the fakes around it, and what workers would do."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import Lock
from typing import Any, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.adapters.postgres import PostgresStore
from shared.domain.errors import CommitUnknown, RetryLater
from shared.domain.messages import Delivery, OwedMessage
from shared.domain.quoting import postgres_identifier
from shared.messaging import outbox
from shared.orchestration.orchestrator import Orchestrator
from shared.planning.schedule import Schedule
from shared.ports import Row, Session, Source, Store

SNAPSHOT = datetime(2025, 6, 2, 4, 0, 7, 123_456, tzinfo=UTC)
SCHEDULE = Schedule(cron="0 6 * * *", zone=ZoneInfo("Europe/Berlin"))
DAY = datetime(2025, 6, 2, 4, tzinfo=UTC)
"""06:00 in Berlin."""


class FixedSource:
    """A `Source` that only tells the time, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def now(self) -> datetime:
        self.asked += 1
        return SNAPSHOT


class RecordingBus:
    """A `Bus` that keeps what it takes; `down` makes it take nothing."""

    def __init__(self) -> None:
        self.messages: list[OwedMessage] = []
        self.down = False
        self._lock = Lock()

    def publish(self, messages: Sequence[OwedMessage]) -> list[int]:
        if self.down:
            raise RetryLater("the bus is down")
        with self._lock:
            self.messages += messages
        return [one.outbox_id for one in messages]

    def tables(self) -> list[str]:
        """The tables of the table messages, in order."""
        return [one.payload["table"] for one in self.messages if "lane" in one.payload]

    def of_topic(self, topic: str) -> list[OwedMessage]:
        return [one for one in self.messages if one.topic == topic]


class CountingStore:
    """A `Store` that counts statements."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.statements = 0

    @contextmanager
    def transaction(self, **options: Any) -> Iterator[Session]:
        with self._store.transaction(**options) as session:
            yield cast(Session, _CountingSession(session, self))


class _CountingSession:
    def __init__(self, session: Session, counter: CountingStore) -> None:
        self._session = session
        self._counter = counter

    def run(self, sql: str, **parameters: Any) -> list[Row]:
        self._counter.statements += 1
        return self._session.run(sql, **parameters)


class ControlPlane:
    """A database with the control plane, an orchestrator on it, and the part of the workers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.store = PostgresStore(url)
        self.source = FixedSource()
        self.bus = RecordingBus()
        self._message_id = 0
        self._delivered = 0

    @property
    def orchestrator(self) -> Orchestrator:
        return self.orchestrator_on(self.store)

    def orchestrator_on(self, store: Store) -> Orchestrator:
        return Orchestrator(store=store, bus=self.bus, source=cast(Source, self.source), schedule=SCHEDULE)

    def run(self, sql: str, **parameters: Any) -> list[Row]:
        with self.store.transaction() as session:
            return session.run(sql, **parameters)

    def register(self, *names: str, **columns: Any) -> None:
        """Create each table `public.<name>` and register it, generic unless said otherwise."""
        values = {"handler": "generic", "source": "p.d.t", "key_columns": ["id"]} | columns
        with self.store.transaction() as session:
            for name in names:
                session.run(f"CREATE TABLE public.{postgres_identifier(name)} (id bigint PRIMARY KEY, value text)")
                session.run(
                    f"INSERT INTO refresh.refresh_table_registry (table_schema, table_name, {', '.join(values)}) "
                    f"VALUES ('public', :name, {', '.join(':' + one for one in values)})",
                    name=name,
                    **values,
                )

    def depend(self, name: str, *inputs: str, kind: str = "hard") -> None:
        for one in inputs:
            self.run(
                "INSERT INTO refresh.refresh_dependency VALUES ('public', :name, 'public', :one, :kind)",
                name=name,
                one=one,
                kind=kind,
            )

    def deliver(self, payload: bytes, *, subscription: str = "refresh-schedule-push", **fields: Any) -> str:
        """Hand a message to the orchestrator as Pub/Sub would, published at 06:00:02 of the day."""
        self._message_id += 1
        values: dict[str, Any] = {
            "message_id": str(self._message_id),
            "attributes": {},
            "published_at": DAY.replace(second=2),
        } | fields
        path = f"projects/p/subscriptions/{subscription}"
        return self.orchestrator.handle(Delivery(data=payload, subscription=path, **values))

    def deliver_to(self, orchestrator: Orchestrator, payload: bytes) -> None:
        """Hand a message to an orchestrator that may fail, as Pub/Sub would, which delivers again another time."""
        with suppress(RetryLater, CommitUnknown):
            orchestrator.handle(
                Delivery(message_id="1", data=payload, attributes={}, published_at=DAY.replace(second=2))
            )

    def daily(self, **fields: Any) -> str:
        return self.deliver(b'{"version":1,"kind":"daily"}', **fields)

    def sweep(self) -> str:
        return self.deliver(b'{"version":1,"kind":"sweep"}')

    def swept(self) -> list[str]:
        """Sweep, and return the tables whose messages that put on the bus."""
        before = len(self.bus.tables())
        self.sweep()
        return self.bus.tables()[before:]

    def request(self, *tables: str, force: bool = False) -> UUID:
        """Ask for a manual run, without delivering its message."""
        rows = self.run(
            "SELECT refresh.request_run(CAST(:tables AS text[]), :force) AS run_id",
            tables=[f"public.{one}" for one in tables] or None,
            force=force,
        )
        return cast(UUID, rows[0]["run_id"])

    def tasks(self) -> dict[str, str]:
        """Status, with its reason where there is one, by table."""
        rows = self.run("SELECT table_name, status, reason FROM refresh.refresh_task ORDER BY table_name")
        return {row["table_name"]: row["status"] + (f" {row['reason']}" if row["reason"] else "") for row in rows}

    def claim(self, name: str, *, lease: float = 90.0) -> None:
        """What a worker does first; a lease below 0 has ended already."""
        self.change(
            name,
            "status = 'running', epoch = epoch + 1, attempt = attempt + 1, "
            f"lease_until = clock_timestamp() + interval '{lease} seconds'",
        )

    def finish(self, name: str, status: str = "success", *, error: str = "") -> None:
        """What a worker does last. Its message to the orchestrator stays owed."""
        self.claim(name)
        why = f", reason = 'test', error = nullif('{error}', '')" if status in ("held", "failed", "skipped") else ""
        self.change(name, f"status = '{status}'{why}")

    def change(self, name: str, assignments: str) -> None:
        self.run(
            f"UPDATE refresh.refresh_task SET {assignments} "
            "WHERE table_name = :name AND status IN ('queued', 'running')",
            name=name,
        )

    def slice(self, name: str, number: int, status: str = "pending", **columns: str) -> None:
        """A checkpoint of the table's open task, in phase loading; further columns as SQL expressions."""
        self.change(
            name,
            "phase = 'loading', lease_until = NULL, slices_total = slices_total + 1, slices_open = slices_open + 1",
        )
        values = {
            "status": f"'{status}'",
            "scope_values": "'{}'",
            "rows_expected": "0",
            "source_rows_expected": "0",
        } | columns
        self.run(
            f"INSERT INTO refresh.refresh_checkpoint (run_id, table_schema, table_name, slice_no, {', '.join(values)}) "
            f"SELECT run_id, table_schema, table_name, :number, {', '.join(values.values())} FROM refresh.refresh_task "
            "WHERE table_name = :name AND status IN ('queued', 'running')",
            name=name,
            number=number,
        )

    def deliver_owed(self) -> None:
        """Publish what is owed, and deliver what of it is for the orchestrator, until nothing is left."""
        while True:
            outbox.flush(self.store, self.bus)
            waiting = self.bus.of_topic("refresh-schedule")[self._delivered :]
            if not waiting:
                return
            self._delivered += len(waiting)
            for one in waiting:
                self.deliver(json.dumps(one.payload).encode())
