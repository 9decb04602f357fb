"""Fenced transactions: nothing commits for a claim that was taken over, and a COMMIT without a reply is looked up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from shared.domain.errors import ClaimLost, CommitUnknown, RetryNow
from shared.ports import Session
from shared.refresh.claim import Claim, SliceClaim, TaskClaim, task_parameters
from shared.refresh.runtime import Runtime
from shared.sql import statement


@contextmanager
def fenced(
    runtime: Runtime,
    claim: Claim,
    *,
    lock_timeout: float = 10.0,
    statement_timeout: float | None = None,
    isolation: str = "read committed",
) -> Iterator[Session]:
    """A transaction that begins with the compare-and-set on the epoch of every part of the claim.

    Raises ClaimLost when one of them is no longer the worker's. When the reply to COMMIT is lost, the marker of the
    first is read: if it is this transaction's, all is well; if not, RetryNow.
    """
    marker = runtime.marker()
    try:
        with runtime.store.transaction(
            lock_timeout=lock_timeout, statement_timeout=statement_timeout, isolation=isolation
        ) as session:
            for part in claim.parts:
                prove(runtime, session, part, marker)
            yield session
    except CommitUnknown as error:
        if not _committed(runtime, claim.parts[0], marker):
            raise RetryNow(f"the transaction was not committed: {error}", reason="commit_lost") from error


def prove(runtime: Runtime, session: Session, claim: TaskClaim | SliceClaim, marker: UUID) -> None:
    """The compare-and-set. ClaimLost when another worker has taken the claim over."""
    rows = session.run(statement(claim.fence), **claim.parameters, marker=marker, lease_seconds=runtime.limits.lease)
    if not rows:
        raise ClaimLost(f"epoch {claim.epoch} of {claim.task.table} is no longer the claim's")


def _committed(runtime: Runtime, claim: TaskClaim | SliceClaim, marker: UUID) -> bool:
    parameters = task_parameters(claim.task)
    if "slice_no" in claim.parameters:
        parameters["slice_no"] = claim.parameters["slice_no"]
    with runtime.store.transaction() as session:
        rows = session.run(statement(claim.marker), **parameters)
    return bool(rows) and rows[0]["commit_marker"] == marker
