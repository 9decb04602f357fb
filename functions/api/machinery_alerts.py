"""What is wrong beside the refreshes themselves: what should come by itself, what somebody found, who is told. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from functions.api.schemas.status import Alert, Facts

SWEEP_SILENCE = timedelta(minutes=5)
DAILY_PATIENCE = timedelta(hours=1)
OWED_PATIENCE = timedelta(minutes=10)
_VERIFY_AGAIN = (
    "Somebody else may write to the table. Refresh it with force, then verify it again: "
    'POST /api/refresh/trigger {"tables": […], "force": true}, POST /api/refresh/verify.'
)


def of_machinery(facts: Facts) -> Iterator[Alert]:
    """Sweep, daily trigger, messages, dead letters, webhooks."""
    yield from _of_sweep(facts)
    yield from _of_daily_trigger(facts)
    yield from _of_messages(facts)
    if facts.webhooks_failing:
        urls = ", ".join(one.url for one in facts.webhooks_failing[:5])
        yield Alert(
            severity="warning",
            kind="webhook_failing",
            table=None,
            since=min(one.since for one in facts.webhooks_failing),
            message=f"{len(facts.webhooks_failing)} webhook endpoint(s) cannot be reached: {urls}.",
            what_to_do="See its deliveries in GET /api/refresh/webhooks/{id}/deliveries, mend the receiver, enable the "
            "endpoint if it was disabled, and send a test.",
        )


def of_findings(facts: Facts) -> Iterator[Alert]:
    """About single tables: verifications, reports that have not come, backfills."""
    for one in facts.verifications:
        apart = one.status == "warning"
        yield Alert(
            severity="critical" if apart else "warning",
            kind="not_equal" if apart else "not_verified",
            table=one.table,
            since=one.finished_at,
            message=f"The last verification {'found a difference' if apart else 'could not be made'}. {one.error}",
            what_to_do=_VERIFY_AGAIN if apart else "Mend the cause, then verify it again: POST /api/refresh/verify.",
        )
    for late in facts.late_reports:
        more = f" and {late.reports - len(late.named)} more" if late.reports > len(late.named) else ""
        yield Alert(
            severity="warning",
            kind="data_late",
            table=late.table,
            since=late.since,
            message=f"Reports are overdue at the source: {', '.join(late.named)}{more}.",
            what_to_do="Ask who delivers them. The refresh itself is well, and takes them when they are there.",
        )
    for back in facts.backfills_ended_badly:
        yield Alert(
            severity="warning",
            kind="backfill_failed",
            table=back.table,
            since=back.finished_at,
            message=f"The backfill of {back.scope_from} to {back.scope_to} ended {back.status} ({back.reason}): "
            f"{back.error or 'part of it may not be there'}.",
            what_to_do='Mend the cause, then ask for it again: POST /api/refresh/trigger {"tables": […], '
            '"backfill": {"from": …, "to": …}}.',
        )


def _of_sweep(facts: Facts) -> Iterator[Alert]:
    awaited_since = facts.swept_at or facts.registered_at
    if awaited_since is not None and facts.now - awaited_since > SWEEP_SILENCE:
        silent = "not come to its end for more than five minutes" if facts.swept_at else "never come to its end"
        yield Alert(
            severity="critical",
            kind="sweep_silent",
            table=None,
            since=facts.swept_at,
            message=f"The sweep has {silent}.",
            what_to_do="Check the Cloud Scheduler job of the sweep, and the orchestrator's log.",
        )


def _of_daily_trigger(facts: Facts) -> Iterator[Alert]:
    awaited = facts.registered_at is not None and facts.registered_at < facts.daily_due_at
    if awaited and not facts.daily_came and facts.now - facts.daily_due_at > DAILY_PATIENCE:
        yield Alert(
            severity="critical",
            kind="schedule_silent",
            table=None,
            since=facts.daily_due_at,
            message=f"The daily trigger of {facts.daily_due_at:%Y-%m-%d %H:%M} UTC has not come.",
            what_to_do="Check the Cloud Scheduler job of the daily run, and that REFRESH_SCHEDULE is its cron "
            "expression; then POST /api/refresh/trigger.",
        )


def _of_messages(facts: Facts) -> Iterator[Alert]:
    if facts.owed_since is not None and facts.now - facts.owed_since > OWED_PATIENCE:
        yield Alert(
            severity="critical",
            kind="messages_owed",
            table=None,
            since=facts.owed_since,
            message=f"{facts.messages_owed} message(s) have not been published.",
            what_to_do="Check Pub/Sub and the service accounts' rights; the sweep publishes them when it can.",
        )
    if facts.dead_letters:
        yield Alert(
            severity="warning",
            kind="dead_letters",
            table=None,
            since=None,
            message=f"{facts.dead_letters} message(s) of the last seven days were given up.",
            what_to_do="Read the reasons in GET /api/refresh/dead-letters, mend them, and send the messages again.",
        )
