"""Materialized views: refreshed CONCURRENTLY, only when an input has changed since."""

from __future__ import annotations

import json
from functools import partial

import structlog

from shared.domain.errors import PermanentError
from shared.domain.messages import TableMessage
from shared.domain.states import Phase, TaskStatus
from shared.ports import Row, Session
from shared.refresh.claim import TaskClaim, claim_task, task_parameters
from shared.refresh.fence import fenced
from shared.refresh.lease import KeptLease
from shared.refresh.run import attempt, load_task
from shared.refresh.runtime import Budget, Runtime
from shared.sql import statement

log = structlog.get_logger()


class ViewRefresh:
    """The work on one message's materialized view."""

    def __init__(self, runtime: Runtime, message: TableMessage) -> None:
        self._runtime = runtime
        self._message = message
        self._budget = Budget(runtime)

    def run(self) -> None:
        """Refresh the view, unless the task has ended or somebody else has it."""
        while self._step():
            continue

    def _step(self) -> bool:
        task = load_task(self._runtime, self._message.task)
        if TaskStatus(task["status"]).ended:
            log.info("task had ended", status=task["status"])
            return False
        claim = claim_task(
            self._runtime, self._message.task, phases=(Phase.PLANNING, Phase.PUBLISHING), phase=Phase.PUBLISHING
        )
        if claim is None:
            log.info("somebody else has the task")
            return False
        self._runtime.steps.reached("view_claimed")
        return attempt(self._runtime, claim, self._message, task, partial(self._refresh_recorded, claim, task))

    def _refresh_recorded(self, claim: TaskClaim, task: Row) -> None:
        try:
            with KeptLease(self._runtime, claim):
                self._refresh(claim, task)
        except PermanentError as error:
            with self._runtime.store.transaction() as session:
                session.run(statement("record_view_error"), **task_parameters(claim.task), error=str(error))
            raise

    def _refresh(self, claim: TaskClaim, task: Row) -> None:
        limits = self._runtime.limits
        self._budget.check(reserve=limits.publish_reserve)
        key = task_parameters(claim.task)
        with fenced(
            self._runtime, claim, lock_timeout=limits.lock_timeout, statement_timeout=limits.publish_reserve
        ) as session:
            session.run(statement("lock_registry_row"), **key)
            inputs = session.run(statement("view_inputs"), **key)
            versions = {row["input"]: row["data_version"] for row in inputs}
            (known,) = session.run(statement("view_status"), **key)
            if versions == known["input_versions"] and not task["force"]:
                self._finish(session, key, task, TaskStatus.NO_NEW_DATA, versions)
                return
            rows = self._refresh_view(session)
            self._runtime.steps.reached("view_refreshed")
            session.run(
                statement("record_view_refresh"),
                **key,
                started=known["started"],
                rows=rows,
                versions=json.dumps(versions),
            )
            self._finish(session, key, task, TaskStatus.SUCCESS, versions)
        self._runtime.steps.reached("view_committed")

    def _refresh_view(self, session: Session) -> int:
        table = self._message.table
        if not session.run(statement("view_is_populated"), schema=table.schema, name=table.name):
            raise PermanentError(
                f"{table} is not a populated materialized view: REFRESH MATERIALIZED VIEW {table} once by hand",
                reason="invalid_registration",
            )
        return int(session.run(statement("refresh_view"), schema=table.schema, name=table.name)[0]["rows"])

    def _finish(
        self, session: Session, key: dict[str, object], task: Row, status: TaskStatus, versions: dict[str, int]
    ) -> None:
        session.run(
            statement("publish_table"),
            **key,
            snapshot_at=task["snapshot_at"],
            scan_from=None,
            backfill=False,
            wrote=status is TaskStatus.SUCCESS,
            last_data_period=None,
        )
        session.run(
            statement("finish_task"),
            **key,
            status=str(status),
            reason=None,
            error=None,
            superseded=0,
            inserted=0,
            updated=0,
            deleted=0,
            unchanged=0,
            details=json.dumps({"input_versions": versions}),
        )
