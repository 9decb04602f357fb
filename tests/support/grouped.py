"""A publish group without BigQuery: two tables of items and a materialized view over both, staged by the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.domain.messages import TableMessage
from shared.ports import Row
from tests.support.engine import Engine
from tests.support.staged import Item, StagedEngine, StagedTable

GROUP = "shop"
START = datetime(2025, 1, 1, tzinfo=UTC)
PARTS = "abcd"


def items(version: int, parts: str = PARTS, *, each: int = 4) -> list[Item]:
    """Rows that all say the version."""
    return [(100 * (1 + PARTS.index(part)) + n, part, f"version {version}") for part in parts for n in range(each)]


@dataclass(frozen=True, kw_only=True)
class GroupRun:
    """The messages of a run of the group."""

    items: TableMessage
    others: TableMessage
    view: TableMessage

    @property
    def messages(self) -> list[TableMessage]:
        return [self.items, self.others, self.view]


class StagedGroup:
    """`public.items` and `public.others` with the view `public.totals`, which counts the texts that they have."""

    def __init__(self, engine: StagedEngine) -> None:
        self.engine = engine
        self.items = StagedTable(engine, "items", publish_group=GROUP)
        self.others = StagedTable(engine, "others", publish_group=GROUP)
        engine.sql(
            "CREATE MATERIALIZED VIEW public.totals AS SELECT text, count(*) AS items, min(origin) AS first,"
            " max(origin) AS last FROM (SELECT text, 'items' AS origin FROM public.items"
            " UNION ALL SELECT text, 'others' FROM public.others) read GROUP BY text"
        )
        engine.sql("CREATE UNIQUE INDEX ON public.totals (text)")
        engine.sql(
            "INSERT INTO refresh.refresh_table_registry (table_schema, table_name, handler, publish_group)"
            " VALUES ('public', 'totals', 'summaries', :group)",
            group=GROUP,
        )
        engine.sql(
            "INSERT INTO refresh.refresh_dependency (table_schema, table_name, depends_on_schema, depends_on_name)"
            " VALUES ('public', 'totals', 'public', 'items'), ('public', 'totals', 'public', 'others')"
        )

    def run(self, minute: int) -> GroupRun:
        """A run of the group at a snapshot of its own; nothing is staged."""
        names = (self.items.table, self.others.table, "public.totals")
        messages = self.engine.tasks(*names, snapshot_at=START + timedelta(minutes=minute))
        return GroupRun(items=messages[0], others=messages[1], view=messages[2])

    def staged(self, version: int, *, view: bool = True, parts: str = PARTS) -> GroupRun:
        """A run at the minute `version` whose tables are staged with that version, and the view too if it is to be."""
        run = self.run(version)
        self.items.stage(items(version, parts), message=run.items)
        self.others.stage(items(version, parts), message=run.others)
        if view:
            self.stage_view(run)
        return run

    def stage_view(self, run: GroupRun) -> None:
        """What the view's worker does before the others are staged."""
        self.engine.sql(
            "UPDATE refresh.refresh_task SET status = 'running', phase = 'staged', owed_at = clock_timestamp()"
            " WHERE run_id = :run AND table_name = 'totals'",
            run=run.view.run_id,
        )

    def publish(self, version: int) -> GroupRun:
        """A whole run that publishes the version."""
        run = self.staged(version)
        assert self.engine.deliver(run.items)["status"] == "success"
        return run

    def ends(self, run: GroupRun) -> list[tuple[str, str | None]]:
        """Status and reason of items, others and the view."""
        return [(row["status"], row["reason"]) for row in self.states(run)]

    def states(self, run: GroupRun) -> list[Row]:
        """The tasks of items, others and the view."""
        return [self.engine.state(message) for message in run.messages]

    def shown(self) -> set[str]:
        """The texts that can be seen anywhere in the group, the view's among them; one if all are of one version."""
        texts = {text for table in (self.items, self.others) for _, _, text in table.items()}
        totals = self.engine.sql("SELECT text FROM public.totals")
        assert {row["text"] for row in totals} == texts, "the view does not show what its tables do"
        return texts


def deliver(engine: Engine, message: TableMessage) -> Row:
    """Hand the message to the worker that it is for."""
    return engine.deliver_view(message) if message.table.name == "totals" else engine.deliver(message)


def left_open(engine: Engine, run: GroupRun) -> Sequence[TableMessage]:
    """The messages of those tasks that have not ended."""
    return [message for message in run.messages if engine.state(message)["finished_at"] is None]
