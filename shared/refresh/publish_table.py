"""One table's part in a publish transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection

from shared import tracing
from shared.domain.definition import Definition
from shared.domain.errors import PermanentError, concerning
from shared.domain.ids import TableName
from shared.domain.states import ScopeAction, TaskStatus
from shared.planning.groups import Settled
from shared.planning.settlement import Settlement
from shared.ports import Row, Session
from shared.refresh.claim import TaskClaim, task_parameters
from shared.refresh.evolve import evolve
from shared.refresh.fill import Filling, fill, stage_instead
from shared.refresh.last_look import drop_superseded, hold_scopes, load_more, lost_slices, reopen, settle_task
from shared.refresh.merge import Merge, Written, target_is_empty, target_name
from shared.refresh.record import record
from shared.refresh.runtime import Runtime
from shared.refresh.shadow import check_mode
from shared.refresh.shadow_report import report_shadow
from shared.sql import statement


class TablePublish:
    """The steps of one table, for the transaction to take in order: settle, lock, write.

    `filling` is what fills an empty target without staging; `check` ends the work when the worker's time is up.
    """

    def __init__(
        self,
        runtime: Runtime,
        session: Session,
        claim: TaskClaim,
        definition: Definition,
        state: Row,
        filling: Filling | None,
        check: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._session = session
        self._claim = claim
        self._definition = definition
        self._state = state
        self._filling = filling
        self._check = check
        self._settlement = Settlement(scopes=(), to_load=())

    @property
    def table(self) -> TableName:
        """The target."""
        return self._claim.task.table

    def check_mode(self) -> None:
        """Overtaken when the table has become live, or a shadow, since the run was planned."""
        check_mode(self._session, self._claim.task)

    def settle(self) -> bool:
        """The last look, under the lock of the registry row; False when slices were opened that have to be loaded
        first."""
        with concerning(self.table):
            self._settlement = settle_task(self._session, self._claim.task, self._definition, self._state)
            return self._can_fill() if self._fills else self._is_staged()

    @property
    def settled(self) -> Settled:
        """What is to become of its scopes, for the group to look at."""
        return Settled(table=self.table, scope=self._definition.scope, settlement=self._settlement)

    def hold(self, values: Collection[str | None]) -> None:
        """Leave these scopes alone too, because another table of the group holds them."""
        if values:
            self._settlement = hold_scopes(self._session, self._claim.task, self._settlement, values)

    def lock(self) -> None:
        """Readers pass, other writers wait. Where the target has to be changed first, readers wait too, to the end.

        PermanentError when the target is not as it was planned for.
        """
        evolve(self._session, self._claim.task, self._definition)
        self._session.run(f"LOCK TABLE {target_name(self._definition)} IN SHARE ROW EXCLUSIVE MODE")
        self._session.run("SET LOCAL work_mem = '64MB'")
        self._check_target()

    def write(self) -> TaskStatus:
        """Write what differs, and all that this makes true; the task's final status."""
        with tracing.span("merge", attributes={"refresh.table": str(self.table)}):
            return self._fill() if self._fills else self._merge()

    def _merge(self) -> TaskStatus:
        superseded = drop_superseded(self._session, self._claim.task, self._definition, self._state, self._settlement)
        scopes = self._settlement.having(ScopeAction.CHANGED, ScopeAction.VANISHED)
        staged = self._state["rows_staged"] - superseded
        merge = Merge(self._session, self._claim.task, self._definition, scopes=scopes, staged_rows=staged)
        return self._record(self._state, merge.run() if scopes else Written(), superseded)

    def _check_target(self) -> None:
        if self._definition.shadow:
            return
        names = {"schema": self.table.schema, "name": self.table.name}
        targets = {row["name"]: row for row in self._session.run(statement("target_columns"), **names)}
        for column in self._definition.columns:
            found = targets.get(column.name)
            if found is None or (found["type"], found["not_null"]) != (column.target_type, column.not_null):
                raise PermanentError(
                    f"{self.table}: column {column.name} was changed while the run was under way; "
                    "nothing was published, the next run takes the table as it is now",
                    reason="definition_changed",
                )

    @property
    def _fills(self) -> bool:
        return bool(self._state["fill"]) and self._state["staging_table"] is None

    def _is_staged(self) -> bool:
        task = self._claim.task
        if self._settlement.to_load:
            load_more(self._session, task, self._definition, self._state, self._settlement)
            return False
        lost = lost_slices(self._session, task, self._state)
        if lost:
            reopen(self._session, task, self._definition, lost)
        return not lost

    def _can_fill(self) -> bool:
        self.lock()
        settled = self._settlement
        in_the_way = settled.to_load or settled.having(ScopeAction.SUPERSEDED) or settled.refused
        if self._filling is None or in_the_way or not target_is_empty(self._session, self._definition):
            stage_instead(self._session, self._claim, self._definition)
            return False
        return True

    def _fill(self) -> TaskStatus:
        if self._filling is None:
            raise AssertionError("unreachable: settled without anything to fill from")
        written = fill(self._runtime, self._session, self._claim, self._definition, self._filling, self._check)
        (filled,) = self._session.run(statement("filled_rows"), **task_parameters(self._claim.task))
        return self._record(self._state | filled, written, 0)

    def _record(self, state: Row, written: Written, superseded: int) -> TaskStatus:
        self._runtime.steps.reached("publish_merged")
        if self._definition.shadow is not None:
            report_shadow(self._session, self._claim.task, self._definition, self._state, self._settlement)
            self._runtime.steps.reached("shadow_compared")
        status = record(self._session, self._claim.task, self._definition, state, self._settlement, written, superseded)
        self._runtime.steps.reached("publish_recorded")
        return status
