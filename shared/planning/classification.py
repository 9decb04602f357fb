"""What to do about an error, by the word the database or BigQuery has for it."""

from __future__ import annotations

from enum import StrEnum


class Disposition(StrEnum):
    RETRY_NOW = "retry_now"
    RETRY_LATER = "retry_later"
    LOCK_TIMEOUT = "lock_timeout"
    STATEMENT_TIMEOUT = "statement_timeout"
    PERMANENT = "permanent"
    RESULT_LOST = "result_lost"
    OVER_BUDGET = "over_budget"


_SQLSTATES = {
    "40001": Disposition.RETRY_NOW,
    "40P01": Disposition.RETRY_NOW,
    "55P03": Disposition.LOCK_TIMEOUT,
    "57014": Disposition.STATEMENT_TIMEOUT,
}
_SQLSTATE_CLASSES = {
    "08": Disposition.RETRY_LATER,  # connection exception
    "53": Disposition.RETRY_LATER,  # insufficient resources: disk full, out of memory, too many connections
    "57": Disposition.RETRY_LATER,  # operator intervention: shutdown, crash, cannot connect now
    "58": Disposition.RETRY_LATER,  # system error
}


def of_sqlstate(code: str) -> Disposition:
    """Source: PostgreSQL documentation, appendix A, error codes."""
    return _SQLSTATES.get(code) or _SQLSTATE_CLASSES.get(code[:2]) or Disposition.PERMANENT


_BIGQUERY_REASONS = {
    "backendError": Disposition.RETRY_NOW,
    "internalError": Disposition.RETRY_NOW,
    "badGateway": Disposition.RETRY_NOW,
    "rateLimitExceeded": Disposition.RETRY_LATER,
    "jobRateLimitExceeded": Disposition.RETRY_LATER,
    "jobBackendError": Disposition.RESULT_LOST,
    "jobInternalError": Disposition.RESULT_LOST,
    "quotaExceeded": Disposition.RETRY_LATER,
    "resourcesExceeded": Disposition.PERMANENT,
    "stopped": Disposition.RESULT_LOST,
    "timeout": Disposition.RETRY_LATER,
    "tableUnavailable": Disposition.RETRY_LATER,
    "bytesBilledLimitExceeded": Disposition.OVER_BUDGET,
}
QUOTA_DELAY_SECONDS = 600.0
"""Least delay after quotaExceeded: its windows are minutes long."""


def of_bigquery_reason(reason: str) -> Disposition:
    """Source: BigQuery documentation, error messages. A reason that is not listed is permanent."""
    return _BIGQUERY_REASONS.get(reason, Disposition.PERMANENT)
