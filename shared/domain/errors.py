"""Everything that can go wrong, by what is to be done about it.

RefreshError
 ├─ ConfigurationError      a setting is missing or wrong: the process must not serve
 ├─ InvalidMessage          a message nobody can ever handle: dead-lettered with its reason
 ├─ PermanentError          retrying cannot help: the task ends `failed` with the reason
 │   ├─ InvalidRegistration the registry, the source and the target do not fit together
 │   ├─ SnapshotLost        the source can no longer be read at the run's snapshot
 │   ├─ ReconcileMismatch   what arrived is not what BigQuery has
 │   ├─ PublishTooLarge     the publish does not fit into one time budget
 │   └─ StoreRefused        Postgres refused a statement for good; has the SQLSTATE
 ├─ RetryLater              passing trouble: the task goes back with a delay, attempts are capped
 │   ├─ RetryNow            a deadlock or the like: the same step may be tried again at once
 │   ├─ LockTimeout         a lock was not to be had within lock_timeout
 │   └─ StatementTimeout    a statement was cut off by statement_timeout
 ├─ ResultLost              a job's result, or a read session, is gone: made again at the same snapshot
 ├─ Overtaken               what was planned is no longer to be done: the task ends `skipped`, nothing changed
 ├─ Held                    the data is not fit to publish: the task ends `held`, nothing changed
 ├─ OutOfTime               the time budget is used up: checkpoint, continue by a new message
 │   └─ StillRunning        a job did not end within the wait
 ├─ ClaimLost               another worker took the claim over: stop, write nothing
 ├─ CommitUnknown           a COMMIT without a reply: the durable marker is looked up before anything else
 └─ NotSent                 a webhook got no answer, or must not be sent there: tried again by its schedule
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from shared.domain.check_outcome import CheckOutcome
from shared.domain.ids import TableName


class RefreshError(Exception):
    """Base of every error of this project."""

    about: TableName | None = None
    """The table that it is about, where the work is on several."""


class ConfigurationError(RefreshError):
    """A setting is missing or has a value that is not allowed; the message names it."""


class InvalidMessage(RefreshError):
    """A message that can never be handled; `reason` is what the dead letter records."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PermanentError(RefreshError):
    """A failure that no retry mends. `reason` is a stable word, the message tells people what to do."""

    reason = "permanent"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        if reason is not None:
            self.reason = reason


class InvalidRegistration(PermanentError):
    """The registered table cannot be refreshed as it is registered; the message names table, column and remedy."""

    reason = "invalid_registration"


class SnapshotLost(PermanentError):
    """The source can no longer be read at the run's snapshot (time travel has passed it, or the table was replaced)."""

    reason = "snapshot_lost"


class ReconcileMismatch(PermanentError):
    """What was received or staged differs from BigQuery's figures; the message names slice and column."""

    reason = "reconcile_mismatch"


class PublishTooLarge(PermanentError):
    """The publish was cut off by its statement timeout; the message has its figures."""

    reason = "publish_too_large"


class StoreRefused(PermanentError):
    """Postgres refused a statement. `sqlstate` and `constraint` say which rule was broken."""

    reason = "database_refused"

    def __init__(self, message: str, *, sqlstate: str, constraint: str | None = None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.constraint = constraint


class RetryLater(RefreshError):
    """Passing trouble that outlives a quick retry. `at_least` is a floor in seconds for the delay."""

    def __init__(self, message: str, *, reason: str = "transient", at_least: float = 0.0) -> None:
        super().__init__(message)
        self.reason = reason
        self.at_least = at_least


class RetryNow(RetryLater):
    """The transaction was undone by chance (deadlock, serialization): the step may be run again at once."""


class LockTimeout(RetryLater):
    """A lock was not to be had within the transaction's lock_timeout."""


class StatementTimeout(RetryLater):
    """A statement ran longer than the transaction's statement_timeout."""


class ResultLost(RefreshError):
    """The job's result or the read session no longer exists, or the job failed in a way that a new job may mend.

    `at_least` is a floor in seconds for the wait before that.
    """

    def __init__(self, message: str, *, at_least: float = 0.0) -> None:
        super().__init__(message)
        self.at_least = at_least


class Held(RefreshError):
    """The data must not be published. `reason` is a stable word, `details` has the figures.

    `outcomes` are the checks that were made. Only what a failed check holds can be released.
    """

    def __init__(
        self, message: str, *, reason: str, details: dict[str, Any], outcomes: Sequence[CheckOutcome] = ()
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.details = details
        self.outcomes = tuple(outcomes)


class Overtaken(RefreshError):
    """What was planned is no longer to be done. `reason` is a stable word."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class OutOfTime(RefreshError):
    """The worker's time budget, or its process, is about to end; what was committed stands."""


class StillRunning(OutOfTime):
    """A job was waited for as long as was asked, and has not ended."""


class ClaimLost(RefreshError):
    """The claim's epoch is no longer the row's: somebody else works on it, and this worker must write nothing."""


class CommitUnknown(RefreshError):
    """The connection died while a COMMIT was under way; only the durable marker tells what became of it."""


class NotSent(RefreshError):
    """A webhook got no answer. `reason` is a stable word: `egress`, `dns`, `connect`, `tls`, `timeout`, `protocol`."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


@contextmanager
def concerning(table: TableName) -> Iterator[None]:
    """Errors of this project that leave the block are about the table, unless they know better."""
    try:
        yield
    except RefreshError as error:
        error.about = error.about or table
        raise
