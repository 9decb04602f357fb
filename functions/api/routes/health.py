"""GET /api/refresh/health"""

from __future__ import annotations

import time
from functools import cache
from http import HTTPStatus

from flask import Blueprint

from functions.api.contract import call
from functions.api.machinery_alerts import SWEEP_SILENCE
from functions.api.schemas.health import Component, Components, Health
from shared import wiring
from shared.operations.health import Probe, Unwell, examine
from shared.sql import statement

routes = Blueprint("health", __name__)
LIMIT_SECONDS = 5.0
_STARTED = time.monotonic()


@routes.get("/api/refresh/health")
@call(Health, tag="overview", also={503: Health})
def get_health() -> tuple[Health, HTTPStatus]:
    """Whether database, BigQuery, Pub/Sub and the sweep are well, in at most 5 seconds: 200, or 503 when one is not."""
    findings = examine(_probes(), seconds=LIMIT_SECONDS)
    components = {
        name: Component(status="ok" if found.ok else "failing", detail=found.detail, duration_ms=found.duration_ms)
        for name, found in findings.items()
    }
    well = all(found.ok for found in findings.values())
    answer = Health(status="ok" if well else "failing", components=Components(**components))
    return answer, HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE


@cache
def _probes() -> dict[str, Probe]:
    checks = {"database": _database, "bigquery": _bigquery, "pubsub": _pubsub, "sweep": _sweep}
    return {name: Probe(name, check) for name, check in checks.items()}


def _database() -> str:
    with wiring.store().transaction(statement_timeout=LIMIT_SECONDS) as session:
        session.run("SELECT 1")
    return "answers"


def _bigquery() -> str:
    return f"answers; its clock says {wiring.source().now():%Y-%m-%dT%H:%M:%SZ}"


def _pubsub() -> str:
    wiring.bus().check()
    return "answers"


def _sweep() -> str:
    with wiring.store().transaction(statement_timeout=LIMIT_SECONDS) as session:
        rows = session.run(statement("swept_ago"))
    if not rows:
        if time.monotonic() - _STARTED > SWEEP_SILENCE.total_seconds():
            raise Unwell("it has never come to its end; check the Cloud Scheduler job of the sweep")
        return "has not been due yet"
    if rows[0]["seconds"] > SWEEP_SILENCE.total_seconds():
        raise Unwell(f"it last came to its end {rows[0]['seconds']} seconds ago; check its Cloud Scheduler job")
    return f"came to its end {rows[0]['seconds']} seconds ago"
