"""What the overview is made from: every table in outline, those that it says more about, and the facts beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import compress
from typing import Literal, NamedTuple

from pydantic import TypeAdapter
from pydantic_core import from_json

from functions.api.schemas.status import Facts, TableStatus
from functions.api.written import records
from shared import wiring
from shared.domain.ids import TableName
from shared.domain.webhooks import DISABLED_BY_HAND
from shared.operations import documents
from shared.planning.schedule import Schedule, daily_key
from shared.ports import Session
from shared.sql import statement

type Which = Literal["none", "notable", "all"]
_ALL = {"schema": None, "name": None}
_TIMEOUT_SECONDS = 10.0
_TABLES = TypeAdapter(list[TableStatus])
_TIMES = ("last_refresh", "next_refresh", "data_as_of", "last_finished_at")


class TableOutline(NamedTuple):
    """What tables are counted, ordered and listed by; see `TableStatus`. A tuple, because there are a thousand."""

    table: str
    handler: str
    mode: str
    status: str
    last_status: str | None
    last_reason: str | None
    is_stale: bool
    is_missing: bool
    is_notable: bool
    """Whether there can be an alert about it, or it is being refreshed."""
    is_busy: bool
    freshness_score: float
    last_refresh: datetime | None
    next_refresh: datetime | None
    data_as_of: datetime | None
    last_data_period: str | None
    last_run_id: str | None
    last_finished_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Every table by name, and what the store knows beside them."""

    tables: Sequence[TableOutline]
    written: Sequence[str]
    """Of the tables that were asked for, each one's status as JSON."""
    facts: Facts

    def notable(self) -> list[TableStatus]:
        """All that is known of the notable tables; they, or all, have to have been asked for."""
        are_notable = [one.is_notable for one in self.tables]
        if len(self.written) == len(self.tables):
            return _read(compress(self.written, are_notable))
        assert len(self.written) == sum(are_notable), "none were asked for"
        return _read(self.written)


def read_overview(*, written: Which) -> Overview:
    """The overview, in a transaction of its own. `written`: the tables of which more than outlines is needed."""
    with wiring.store().transaction(statement_timeout=_TIMEOUT_SECONDS) as session:
        return read_overview_in(session, written=written)


def read_overview_in(session: Session, *, written: Which) -> Overview:
    """The same in the caller's transaction."""
    now = datetime.now(UTC)
    schedule = _schedule()
    due = schedule.floor(now)
    which = _ALL | {"written": written, "trigger_hours": schedule.hours(now)}
    tables = session.run_prepared(statement("read_status_tables"), **which)[0]
    daily = {"daily_due_at": due, "daily_key": daily_key(due)}
    facts = documents.read_prepared(session, "read_status_facts", **daily, disabled_by_hand=DISABLED_BY_HAND)
    return Overview(
        tables=records(TableOutline, from_json(tables["outline"]), times=_TIMES),
        written=_lines(tables["written"]),
        facts=Facts.model_validate_json(facts or "{}"),
    )


def read_status(table: TableName) -> TableStatus | None:
    """One table; None when it is not registered."""
    which = {"schema": table.schema, "name": table.name}
    hours = _schedule().hours(datetime.now(UTC))
    with wiring.store().transaction(statement_timeout=_TIMEOUT_SECONDS) as session:
        rows = session.run(statement("read_status_tables"), **which, written="all", trigger_hours=hours)
    return next(iter(_read(_lines(rows[0]["written"]))), None)


def _lines(text: str | None) -> Sequence[str]:
    """Only at what the statement has put between them: JSON may have other characters that end lines."""
    return text.split("\n") if text else ()


def _read(written: Iterable[str]) -> list[TableStatus]:
    """Together; one by one they take twice as long."""
    return _TABLES.validate_json(f"[{','.join(written)}]")


def _schedule() -> Schedule:
    settings = wiring.settings()
    return Schedule.parse(settings.refresh_schedule, settings.refresh_time_zone)
