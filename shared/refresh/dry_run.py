"""A dry run's end: what a publish would do now is reported, and nothing is done.

It goes as far as the publish does (the settlement with other runs, the gates, the staged rows counted), and then looks
at the table as one snapshot shows it. It takes no lock that another program's writes wait for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from shared.domain.definition import Definition
from shared.domain.errors import PublishTooLarge, StatementTimeout, concerning
from shared.domain.states import ScopeAction, TaskStatus
from shared.planning.gates import written_gate
from shared.planning.outcome import outcome
from shared.planning.settlement import Settlement
from shared.ports import Session
from shared.refresh.claim import UnitClaim, task_parameters
from shared.refresh.compare import Comparison
from shared.refresh.fence import fenced
from shared.refresh.last_look import drop_superseded, load_more, lost_slices, reopen, settle_task
from shared.refresh.merge import Written
from shared.refresh.publish import Member, Published
from shared.refresh.record import tally
from shared.refresh.runtime import Budget, Runtime
from shared.refresh.staging import create_staging, drop_staging
from shared.sql import statement


def dry_run(runtime: Runtime, claim: UnitClaim, members: Sequence[Member], budget: Budget) -> Published | None:
    """Report what publishing the members would do, and end them; None when slices have to be loaded first after all.

    Raises what a publish raises: Held, PermanentError, RetryLater.
    """
    limits = runtime.limits
    budget.check(reserve=limits.publish_reserve)
    try:
        with fenced(
            runtime,
            claim,
            lock_timeout=limits.lock_timeout,
            statement_timeout=limits.publish_reserve,
            isolation="repeatable read",
        ) as session:
            reported = _report(runtime, session, members)
    except StatementTimeout as error:
        rows = sum(member.state["rows_staged"] for member in members)
        raise PublishTooLarge(
            f"{claim.task.table}: comparing {rows} rows took longer than {limits.publish_reserve:.0f} s. "
            "Choose a scope_column, or raise the time budget"
        ) from error
    runtime.steps.reached("dry_run_committed")
    return reported


def _report(runtime: Runtime, session: Session, members: Sequence[Member]) -> Published | None:
    session.run(
        statement("lock_registry_rows"),
        schemas=[member.claim.task.table.schema for member in members],
        names=[member.claim.task.table.name for member in members],
    )
    rehearsals = {
        member.claim.task.table: _Rehearsal(runtime, session, member, member.definition)
        for member in members
        if member.definition is not None
    }
    settled = [one.settle() for one in rehearsals.values()]
    if not all(settled):
        return None
    runtime.steps.reached("dry_run_settled")
    return {table: one.end() for table, one in rehearsals.items()}


class _Rehearsal:
    """One table's part."""

    def __init__(self, runtime: Runtime, session: Session, member: Member, definition: Definition) -> None:
        self._runtime = runtime
        self._session = session
        self._task = member.claim.task
        self._definition = definition
        self._state = member.state
        self._settlement = Settlement(scopes=(), to_load=())

    def settle(self) -> bool:
        """The last look; False when slices were opened that have to be loaded first."""
        session, task = self._session, self._task
        self._settlement = settle_task(session, task, self._definition, self._state)
        if self._settlement.to_load:
            load_more(session, task, self._definition, self._state, self._settlement)
            return False
        lost = lost_slices(session, task, self._state)
        if lost:
            reopen(session, task, self._definition, lost)
        return not lost

    def end(self) -> TaskStatus:
        """Compare, store the report, and end the task as a refresh would end."""
        superseded = drop_superseded(self._session, self._task, self._definition, self._state, self._settlement)
        staged = self._state["rows_staged"] - superseded
        written = self._compare(staged)
        with concerning(self._task.table):
            written_gate(written.deleted, self._settlement.scopes, checks=self._definition.checks, release=None)
        self._runtime.steps.reached("dry_run_compared")
        status = self._finish(written, superseded, staged)
        self._runtime.steps.reached("dry_run_recorded")
        return status

    def _compare(self, staged: int) -> Written:
        if self._state["staging_table"] is None:
            create_staging(self._session, self._task, self._definition)
        scopes = self._settlement.having(ScopeAction.CHANGED, ScopeAction.VANISHED)
        comparison = Comparison(self._session, self._task, self._definition, scopes=scopes, staged_rows=staged)
        written = comparison.run()
        comparison.keep()
        return written

    def _finish(self, written: Written, superseded: int, staged: int) -> TaskStatus:
        """A dry run leaves every row unchanged, and says so; what it would have done is in its report."""
        key = task_parameters(self._task)
        found = tally(self._session, self._task, self._definition, self._state, self._settlement, written)
        (checks,) = self._session.run(statement("failed_checks"), **key)
        quarantined = self._session.run(statement("take_quarantine"), **key)
        status, reason = outcome(found)
        drop_staging(self._session, self._task)
        self._session.run(
            statement("finish_task"),
            **key,
            status=str(status),
            reason=reason,
            error=checks["held"],
            superseded=superseded,
            inserted=0,
            updated=0,
            deleted=0,
            unchanged=staged,
            details=json.dumps(vars(found) | {"would_be": written.counts, "quarantined": quarantined}),
        )
        return status
