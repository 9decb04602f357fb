"""A table that is held as a whole when it is planned: its task ends, with what it was held for."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from shared.domain.definition import Definition
from shared.domain.errors import Held
from shared.domain.states import TaskStatus
from shared.planning.scopes import PlannedScope
from shared.ports import JobResult, Session
from shared.refresh.claim import TaskClaim, task_parameters
from shared.refresh.ending import end
from shared.refresh.plan_rows import scopes_json
from shared.refresh.runtime import Runtime
from shared.sql import statement

log = structlog.get_logger()


def hold_plan(
    runtime: Runtime,
    claim: TaskClaim,
    definition: Definition,
    held: Held,
    *,
    scopes: Sequence[PlannedScope],
    result: JobResult,
    scan_from: str | None,
) -> None:
    """End the task held. The plan is kept: whoever releases or refuses it decides about exactly that."""

    def note(session: Session) -> None:
        key = task_parameters(claim.task)
        session.run(statement("insert_task_scopes"), **key, scopes=scopes_json(scopes, []))
        session.run(
            statement("note_hold"),
            **key,
            definition_hash=definition.hash,
            scan_from=scan_from,
            bytes_billed=result.bytes_billed,
            job_id=result.job_id,
        )

    log.warning("held", reason=held.reason, error=str(held))
    end(
        runtime,
        claim,
        TaskStatus.HELD,
        reason=held.reason,
        error=str(held),
        details=held.details,
        outcomes=held.outcomes,
        note=note,
    )
