"""Checks of what is staged, just before it is published: the table's own SQL, and how much went into quarantine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from shared.domain.check_outcome import CheckOutcome
from shared.domain.definition import Definition
from shared.domain.errors import Held, PermanentError, StatementTimeout, StoreRefused, concerning
from shared.domain.ids import TaskId
from shared.domain.quoting import postgres_identifier
from shared.planning.checks import Checks, Quarantine, read_checks
from shared.planning.holds import lifted, overridden
from shared.ports import Row, Session
from shared.refresh.claim import Claim
from shared.refresh.fence import fenced
from shared.refresh.last_look import lost_slices
from shared.refresh.quality import record_outcomes
from shared.refresh.release import read_release
from shared.refresh.runtime import Runtime
from shared.refresh.staging import staging_name
from shared.sql import statement

CHECK_SECONDS = 60
"""Longest time that one check's SQL may take."""
QUARANTINE = "quarantine"


def judge_staged(runtime: Runtime, claim: Claim, definition: Definition, task: TaskId, state: Row) -> None:
    """Make the checks, and keep what they found. Held when one that holds fails; what was staged stays.

    PermanentError `check_failed` when a check's SQL cannot be run. Nothing is judged of a staging table that lost rows:
    it is loaded again, and judged then.
    """
    checks = read_checks(definition)
    if state["staging_table"] is None or not checks.judges_what_is_staged:
        return
    with fenced(runtime, claim, statement_timeout=CHECK_SECONDS) as session:
        if lost_slices(session, task, state):
            return
        release = read_release(session, task, state)
        found = _quarantine(checks.quarantine, state) + _custom(session, task, definition, checks)
        found = lifted(found, release)
        record_outcomes(session, task, found)
    runtime.steps.reached("staged_checked")
    held = [one for one in found if one.holds and not overridden(one, release)]
    if held:
        with concerning(task.table):
            raise _held(held, found)


def _held(held: Sequence[CheckOutcome], found: Sequence[CheckOutcome]) -> Held:
    quarantined = held[0].metric == QUARANTINE
    return Held(
        f"{'; '.join(_sentence(one) for one in held)}; nothing was changed",
        reason="too_many_quarantined" if quarantined else "checks_held",
        details={"checks": [one.metric for one in held]},
        outcomes=found,
    )


def _sentence(outcome: CheckOutcome) -> str:
    if outcome.metric == QUARANTINE:
        details = outcome.details
        return f"{details['rows_quarantined']} of {details['rows_read']} rows went into quarantine, more than allowed"
    return f"{outcome.metric} returned {outcome.value:.0f} row(s), and must return none"


def _quarantine(rule: Quarantine | None, state: Row) -> list[CheckOutcome]:
    if rule is None or rule.outcome == "off":
        return []
    rows, read = state["rows_quarantined"], state["rows_read"]
    by_share = rule.max_share is not None and rows > rule.max_share * read
    too_many = rule.max_rows is not None and rows > rule.max_rows
    return [
        CheckOutcome(
            metric=QUARANTINE,
            scope=None,
            value=rows,
            threshold=rule.max_rows if rule.max_share is None or too_many else rule.max_share * read,
            outcome=rule.outcome,
            passed=not (by_share or too_many),
            details={"rows_quarantined": rows, "rows_read": read},
        )
    ]


def _custom(session: Session, task: TaskId, definition: Definition, checks: Checks) -> list[CheckOutcome]:
    active = {name: rule for name, rule in checks.custom_sql.items() if rule.outcome != "off"}
    if not active:
        return []
    with _staged_view(session, task, definition):
        counts = {name: _failing(session, definition, name, rule.sql) for name, rule in active.items()}
    return [
        CheckOutcome(
            metric=f"custom_sql({name})",
            scope=None,
            value=rows,
            threshold=0,
            outcome=active[name].outcome,
            passed=rows == 0,
        )
        for name, rows in counts.items()
    ]


@contextmanager
def _staged_view(session: Session, task: TaskId, definition: Definition) -> Iterator[None]:
    """`staged` has the rows as they would be published. Whatever a check may do in here is undone."""
    columns = ", ".join(
        f"{column.published('s.' + postgres_identifier(column.name))} AS {postgres_identifier(column.name)}"
        for column in definition.columns
    )
    session.run("SAVEPOINT before_checks")
    session.run(f"CREATE TEMPORARY VIEW staged AS SELECT {columns} FROM {staging_name(task)} s")
    session.run("GRANT SELECT ON pg_temp.staged TO refresh_check")
    session.run("SET TRANSACTION READ ONLY")
    yield
    session.run("ROLLBACK TO SAVEPOINT before_checks")


def _failing(session: Session, definition: Definition, name: str, sql: str) -> int:
    """How many rows the check returns. What it sets is undone, so that the next one has the same time limit."""
    try:
        session.run("SAVEPOINT before_check")
        found = int(session.run(statement("failing_rows"), check=sql)[0]["rows"])
        session.run("ROLLBACK TO SAVEPOINT before_check")
        return found
    except StatementTimeout as error:
        raise PermanentError(
            f"{definition.table}: custom_sql {name} took longer than {CHECK_SECONDS} s; nothing was published. "
            "Make it cheaper, or switch it off",
            reason="check_failed",
        ) from error
    except StoreRefused as error:
        raise PermanentError(
            f"{definition.table}: custom_sql {name} cannot be run; nothing was published: {error}",
            reason="check_failed",
        ) from error
