"""A materialized view's part in a publish transaction: refreshed CONCURRENTLY, only when an input has changed since."""

from __future__ import annotations

import json

from shared.domain.errors import PermanentError
from shared.domain.ids import TableName
from shared.domain.states import TaskStatus
from shared.ports import Row, Session
from shared.refresh.claim import TaskClaim, task_parameters
from shared.refresh.runtime import Runtime
from shared.sql import statement


class ViewPublish:
    """What there is to do for the view, after the tables that it reads."""

    def __init__(self, runtime: Runtime, session: Session, claim: TaskClaim, state: Row) -> None:
        self._runtime = runtime
        self._session = session
        self._task = claim.task
        self._key = task_parameters(claim.task)
        self._state = state

    @property
    def table(self) -> TableName:
        """The view."""
        return self._task.table

    def write(self) -> TaskStatus:
        """Refresh it unless its inputs are those that it was last refreshed from; the task's final status."""
        inputs = self._session.run(statement("view_inputs"), schema=self.table.schema, name=self.table.name)
        versions = {row["input"]: row["data_version"] for row in inputs}
        (known,) = self._session.run(statement("view_status"), schema=self.table.schema, name=self.table.name)
        if versions == known["input_versions"] and not self._state["force"]:
            return self._finish(TaskStatus.NO_NEW_DATA, versions)
        rows = self._refresh()
        self._runtime.steps.reached("view_refreshed")
        self._session.run(
            statement("record_view_refresh"),
            **self._key,
            started=known["started"],
            rows=rows,
            versions=json.dumps(versions),
        )
        return self._finish(TaskStatus.SUCCESS, versions)

    def _refresh(self) -> int:
        names = {"schema": self.table.schema, "name": self.table.name}
        if not self._session.run(statement("view_is_populated"), **names):
            raise PermanentError(
                f"{self.table} is not a populated materialized view: "
                f"REFRESH MATERIALIZED VIEW {self.table} once by hand",
                reason="invalid_registration",
            )
        return int(self._session.run(statement("refresh_view"), **names)[0]["rows"])

    def _finish(self, status: TaskStatus, versions: dict[str, int]) -> TaskStatus:
        self._session.run(
            statement("publish_table"),
            **self._key,
            snapshot_at=self._state["snapshot_at"],
            scan_from=None,
            backfill=False,
            wrote=status is TaskStatus.SUCCESS,
            last_data_period=None,
        )
        self._session.run(
            statement("finish_task"),
            **self._key,
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
        return status
