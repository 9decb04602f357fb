"""What the orchestrator does with each of its messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.domain.errors import InvalidMessage
from shared.domain.messages import DailyTrigger, Delivery, ManualTrigger, Sweep, TableFinished, TableStaged
from shared.messaging import dead_letter, outbox, receive
from shared.messaging.endpoint import received
from shared.orchestration import dead_letters
from shared.orchestration.advance import advance_run
from shared.orchestration.backfill import advance_backfills
from shared.orchestration.plan_run import plan_daily, plan_requested
from shared.orchestration.sweep import Sweeper
from shared.planning.schedule import Schedule
from shared.ports import Bus, Source, Store


@dataclass(frozen=True, kw_only=True)
class Orchestrator:
    """Handles messages of refresh-schedule and refresh-dead-letter. Each may come twice, late, or at once."""

    store: Store
    bus: Bus
    source: Source
    schedule: Schedule
    verification: Schedule | None = None
    """When live tables are verified; None: only when somebody asks."""

    def handle(self, delivery: Delivery) -> str:
        """Do what the message asks for, publish what became owed, and return a word for it.

        Raises InvalidMessage for what nobody can handle, RetryLater and CommitUnknown for what must be delivered again.
        """
        outcome = self._handle(delivery)
        outbox.flush(self.store, self.bus)
        return outcome

    def _handle(self, delivery: Delivery) -> str:
        if dead_letter.is_dead_letter(delivery):
            return dead_letters.record(self.store, self.schedule, delivery)
        match receive.schedule_message(delivery):
            case DailyTrigger(scheduled_for=scheduled_for):
                with received(delivery, "plan daily run"):
                    instant = scheduled_for or self._scheduled_instant(delivery)
                    planned = plan_daily(self.store, self.source, self.schedule, instant)
                return f"planned {planned}" if planned else "planned before"
            case ManualTrigger(run_id=run_id):
                with received(delivery, "plan requested run", **{"refresh.run": str(run_id)}):
                    new = plan_requested(self.store, self.source, run_id)
                return "planned" if new else "planned before, or unknown"
            case TableFinished(run_id=run_id) | TableStaged(run_id=run_id):
                with received(delivery, "advance run", **{"refresh.run": str(run_id)}):
                    advance_run(self.store, run_id)
                advance_backfills(self.store)
                return "advanced"
            case Sweep():  # of no run: what it owes belongs to the traces of its runs
                self._sweeper().sweep()
                return "swept"

    def _sweeper(self) -> Sweeper:
        return Sweeper(
            store=self.store,
            bus=self.bus,
            source=self.source,
            schedule=self.schedule,
            verification=self.verification,
        )

    def _scheduled_instant(self, delivery: Delivery) -> datetime:
        if delivery.published_at is None:
            raise InvalidMessage(
                "malformed: a daily trigger needs scheduled_for where the delivery has no publish time"
            )
        return self.schedule.floor(delivery.published_at)
