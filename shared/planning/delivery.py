"""What becomes of a webhook delivery after an attempt. Source of the schedule: the Standard Webhooks specification."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

from shared.domain.webhooks import WebhookResponse

_MINUTE, _HOUR = 60.0, 3600.0
RETRY_AFTER_SECONDS = (
    5.0,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
"""Delay after the first, second, … failed attempt; after the last there is no more."""
MAX_ATTEMPTS = len(RETRY_AFTER_SECONDS) + 1
MAX_PAUSE_SECONDS = 24 * _HOUR
GIVE_UP_SECONDS = 5 * 24 * _HOUR
"""An endpoint to which nothing could be delivered for this long is disabled."""
_JITTER = 0.2
_GONE = 410


class Fate(StrEnum):
    DELIVERED = "delivered"
    RETRY = "retry"
    FAILED = "failed"
    """The schedule is used up."""
    GONE = "gone"
    """The receiver said that it wants nothing any more."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The fate of the delivery; `delay` in seconds until the next attempt; `pause` in seconds for the endpoint."""

    fate: Fate
    error: str | None = None
    delay: float | None = None
    pause: float = 0.0


def judge(response: WebhookResponse, *, attempt: int, random: float, at: datetime) -> Verdict:
    """The verdict on an answer to the `attempt`th try (from 1) that was asked for at `at` (aware)."""
    if 200 <= response.status < 300:
        return Verdict(fate=Fate.DELIVERED)
    if response.status == _GONE:
        return Verdict(fate=Fate.GONE, error="answered 410 Gone")
    hint = "; redirects are not followed" if 300 <= response.status < 400 else ""
    pause = retry_after(response, at=at)
    return _again(f"answered {response.status}{hint}", attempt=attempt, random=random, pause=pause)


def judge_failure(error: str, *, attempt: int, random: float) -> Verdict:
    """The verdict on a try that got no answer."""
    return _again(error, attempt=attempt, random=random, pause=0.0)


def _again(error: str, *, attempt: int, random: float, pause: float) -> Verdict:
    if attempt >= MAX_ATTEMPTS:
        return Verdict(fate=Fate.FAILED, error=f"{error}; given up after {attempt} attempts", pause=pause)
    delay = RETRY_AFTER_SECONDS[attempt - 1] * (1 + _JITTER * random)
    return Verdict(fate=Fate.RETRY, error=error, delay=max(delay, pause), pause=pause)


def retry_after(response: WebhookResponse, *, at: datetime) -> float:
    """Seconds that the receiver asked to be left alone, between 0 and a day; 0 when it did not, or not legibly."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal() and text.isascii():
        return min(float(text[:9]), MAX_PAUSE_SECONDS)
    moment = _http_date(text)
    if moment is None:
        return 0.0
    now = _http_date(response.headers.get("date", "")) or at
    return min(max((moment - now).total_seconds(), 0.0), MAX_PAUSE_SECONDS)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
