"""Every minute: publish what a crash left owed, hand on what nobody works on, end what is complete, clean up."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import structlog

from shared.domain.errors import RefreshError, RetryLater
from shared.domain.ids import RunId
from shared.domain.messages import HANDLER_TOPICS
from shared.messaging import outbox
from shared.messaging.notifier_calls import call_notifier_if_due
from shared.orchestration.advance import advance_run
from shared.orchestration.backfill import advance_backfills
from shared.orchestration.plan_run import plan_requested
from shared.orchestration.verifications import ask_for_verification
from shared.planning.schedule import Schedule
from shared.ports import Bus, Source, Store
from shared.sql import statement

_log = structlog.get_logger()
_MAX_FLUSHES = 20
_CLEANUP_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Sweeper:
    """Does one sweep. Two at once do no harm: every part decides by locked rows."""

    store: Store
    bus: Bus
    source: Source
    schedule: Schedule
    verification: Schedule | None = None

    def sweep(self) -> None:
        """Do every part, whatever becomes of the others; RetryLater names those that failed, and the beat is missed."""
        failed: list[str] = []
        self._try(failed, "publish", self._publish_owed)
        self._try(failed, "hand_on", self._hand_on)
        if self.verification is not None:
            self._try(failed, "verify", partial(ask_for_verification, self.store, self.verification))
        for run_id in self._runs("unplanned_runs"):
            self._try(failed, f"plan {run_id}", partial(plan_requested, self.store, self.source, run_id))
        for run_id in self._runs("running_runs"):
            self._try(failed, f"advance {run_id}", partial(advance_run, self.store, run_id))
        self._try(failed, "advance backfills", partial(advance_backfills, self.store))
        self._try(failed, "tell what is stale", self._tell_stale)
        self._try(failed, "publish", self._publish_owed)
        self._try(failed, "webhooks", partial(call_notifier_if_due, self.store, self.bus))
        self._try(failed, "cleanup", self._clean_up)
        if failed:
            raise RetryLater(f"the sweep could not {', '.join(failed)}", reason="sweep_incomplete")
        with self.store.transaction() as session:
            session.run(statement("beat"), name="sweep")

    def _try(self, failed: list[str], name: str, part: Callable[[], object]) -> None:
        try:
            part()
        except RefreshError as error:
            failed.append(name)
            _log.error("sweep_part_failed", part=name, error=str(error))

    def _publish_owed(self) -> None:
        for _ in range(_MAX_FLUSHES):
            if outbox.flush(self.store, self.bus) == 0:
                return

    def _hand_on(self) -> None:
        with self.store.transaction() as session:
            rows = session.run(statement("hand_on_tasks"), topics=json.dumps(HANDLER_TOPICS))
        for row in rows:
            _log.info("task_handed_on", run=str(row["run_id"]), table=row["table"])

    def _tell_stale(self) -> None:
        with self.store.transaction() as session:
            now: datetime = session.run("SELECT now() AS now")[0]["now"]
            owed = session.run(statement("owe_stale_events"), trigger_hours=self.schedule.hours(now))[0]["owed"]
        if owed:
            _log.warning("data_stale", events=owed)

    def _runs(self, name: str) -> list[RunId]:
        with self.store.transaction() as session:
            return [RunId(row["run_id"]) for row in session.run(statement(name))]

    def _clean_up(self) -> None:
        with self.store.transaction(statement_timeout=_CLEANUP_TIMEOUT_SECONDS) as session:
            if not session.run(statement("cleanup_is_due"))[0]["due"]:
                return
            removed = session.run(statement("clean_up"))[0]["removed"]
            session.run(statement("beat"), name="cleanup")
        _log.info("cleaned_up", removed=removed)
