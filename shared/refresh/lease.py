"""Keeps a claim's lease alive while its worker is busy."""

from __future__ import annotations

from threading import Event, Thread
from types import TracebackType

from shared.domain.errors import ClaimLost, CommitUnknown, RefreshError
from shared.refresh.claim import Claim
from shared.refresh.runtime import Runtime
from shared.sql import statement


class KeptLease:
    """Renews a claim's lease from a second thread and connection; a renewal that fails stops the worker at its next
    check."""

    def __init__(self, runtime: Runtime, claim: Claim) -> None:
        self._runtime = runtime
        self._claim = claim
        self._finished = Event()
        self._lost: str | None = None
        self._thread = Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> KeptLease:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finished.set()
        self._thread.join()

    def check(self) -> None:
        """ClaimLost when a renewal failed or found the claim taken over."""
        if self._lost is not None:
            raise ClaimLost(self._lost)

    def _keep(self) -> None:
        while not self._finished.wait(self._runtime.limits.renew_every):
            try:
                held = self._renew()
            except CommitUnknown:
                continue
            except RefreshError as error:
                self._lost = f"the lease could not be renewed: {error}"
                return
            if not held:
                self._lost = "the claim was taken over"
                return

    def _renew(self) -> bool:
        """Whether every part of the claim is still the worker's."""
        seconds = self._runtime.limits.lease
        with self._runtime.store.transaction(lock_timeout=2.0, statement_timeout=10.0) as session:
            renewed = [
                session.run(statement(part.renewal), **part.parameters, lease_seconds=seconds)
                for part in self._claim.parts
            ]
        return all(rows and rows[0]["held"] for rows in renewed)
