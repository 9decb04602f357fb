"""Verifications by schedule: the sweep asks for the run that is due, once for each instant of the schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from shared.planning.schedule import Schedule
from shared.ports import Store
from shared.sql import statement

GRACE = timedelta(hours=12)
"""How late a verification may begin. After a longer silence the next instant is waited for."""
_log = structlog.get_logger()


def verification_key(instant: datetime) -> str:
    """The idempotency key of the verification for a scheduled instant (aware)."""
    return f"schedule:verify:{instant.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"


def ask_for_verification(store: Store, schedule: Schedule) -> bool:
    """Ask for a run that verifies every live table that has been published, unless there is nothing due or to verify.

    A table whose checks have `verify: {"outcome": "off"}` is left out.
    """
    with store.transaction() as session:
        now: datetime = session.run("SELECT now() AS now")[0]["now"]
        instant = schedule.floor(now)
        if now - instant > GRACE:
            return False
        key = verification_key(instant)
        if session.run(statement("find_run"), idempotency_key=key):
            return False
        asked = session.run(statement("insert_verification"), idempotency_key=key, scheduled_for=instant)
    if asked:
        _log.info("verification_asked_for", run=str(asked[0]["run_id"]), key=key)
    return bool(asked)
