"""BigQuery's errors as this project's, by reason and by where they arose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from google.api_core import exceptions as api

from shared.domain.errors import Held, PermanentError, RefreshError, ResultLost, RetryLater, RetryNow, SnapshotLost
from shared.planning.classification import QUOTA_DELAY_SECONDS, Disposition, of_bigquery_reason

_SNAPSHOT_GONE = re.compile(r"time travel|snapshot|before .*(created|creation)|does not exist at", re.IGNORECASE)
_JOB_GONE = re.compile(r"not found: job\b", re.IGNORECASE)
JOB_DELAY_SECONDS = 10.0
"""Least wait for a new job after one failed for want of capacity. A failed job stays failed, whoever asks."""
_SESSION_GONE = (api.NotFound, api.FailedPrecondition, api.InvalidArgument, api.OutOfRange)


def request_error(error: api.GoogleAPICallError) -> RefreshError:
    """An HTTP call that failed before there was a job."""
    reason = reason_of(error)
    message = f"BigQuery refused a call ({reason or error.code}): {error.message}"
    match of_bigquery_reason(reason):
        case Disposition.RETRY_NOW:
            return RetryNow(message, reason="bigquery_unavailable")
        case Disposition.RETRY_LATER:
            return RetryLater(message, reason=reason, at_least=_delay(reason))
        case _ if error.code is not None and (error.code >= 500 or error.code == 429):
            return RetryLater(message, reason="bigquery_unavailable")
        case _:
            return PermanentError(message, reason="bigquery_refused")


def job_error(error: api.GoogleAPICallError, error_result: Mapping[str, Any] | None, job_id: str) -> RefreshError:
    """A job that ended in an error (`error_result`), or a call about it that failed (None)."""
    reason = str(error_result["reason"]) if error_result else reason_of(error)
    message = f"BigQuery job {job_id} failed ({reason}): {error.message}"
    if reason == "notFound" and _JOB_GONE.search(error.message or ""):
        return ResultLost(message)
    match of_bigquery_reason(reason):
        case Disposition.OVER_BUDGET:
            return Held(message, reason="cost_cap", details={"job_id": job_id})
        case Disposition.RETRY_NOW | Disposition.RESULT_LOST if error_result:
            return ResultLost(message)
        case Disposition.RETRY_LATER if error_result:
            return ResultLost(message, at_least=max(_delay(reason), JOB_DELAY_SECONDS))
        case Disposition.PERMANENT if reason == "notFound" or _SNAPSHOT_GONE.search(error.message or ""):
            return SnapshotLost(message)
        case _ if error_result:
            return PermanentError(message, reason="bigquery_refused")
        case _:
            return request_error(error)


@contextmanager
def stream_error(what: str) -> Iterator[None]:
    """Errors of the Storage Read API: a lost session is made again, an interrupted one is read on later."""
    try:
        yield
    except _SESSION_GONE as error:
        raise ResultLost(f"read session or result of {what} is gone: {error.message}") from error
    except (api.GoogleAPICallError, api.RetryError) as error:
        raise RetryLater(f"reading {what} was interrupted: {error}", reason="bigquery_unavailable") from error


def reason_of(error: api.GoogleAPICallError) -> str:
    """BigQuery's word for an error, from its first entry; empty where there is none."""
    for entry in error.errors or ():
        if isinstance(entry, Mapping) and entry.get("reason"):
            return str(entry["reason"])
    return ""


def _delay(reason: str) -> float:
    return QUOTA_DELAY_SECONDS if reason == "quotaExceeded" else 0.0
