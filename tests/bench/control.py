"""How quickly a run of 1,000 tables is planned and published, and how long functions take to be loaded."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from infra.local.stack import ROOT
from shared.adapters.postgres import PostgresStore
from tests.support.control_plane import ControlPlane, CountingStore

_LOADING = {
    "api": "from functions.api.main import application; application()",
    "orchestrator": "import functions.orchestrator.main, shared.orchestration.orchestrator; {ports}",
    "generic": "import functions.generic.main, shared.refresh.worker; wiring.runtime(); {ports}",
    "search_queries": "import functions.search_queries.main, shared.refresh.worker; wiring.runtime(); {ports}",
    "summaries": "import functions.summaries.main, shared.refresh.worker; wiring.runtime(); {ports}",
    "notifier": "import functions.notifier.main; wiring.notifier()",
}
"""What a function loads until it can handle its first request: its module, and the adapters that it uses."""
_PORTS = "wiring.store(), wiring.source(), wiring.bus()"
_SETTINGS = {
    "GOOGLE_CLOUD_PROJECT": "bench",
    "DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/nothing",
    "API_TOKEN": "bench",
    "WEBHOOK_SECRET_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "BIGQUERY_EMULATOR_HOST": "http://127.0.0.1:1",
    "PUBSUB_EMULATOR_HOST": "127.0.0.1:1",
}


def planned(url: str, days: int) -> tuple[float, int, int]:
    """Seconds from the daily trigger, `days` from now, to its last message on the bus; statements; tables."""
    plane = ControlPlane(url)
    store = CountingStore(PostgresStore(url))
    orchestrator = plane.orchestrator_on(store)
    instant = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    started = time.perf_counter()
    plane.deliver_to(orchestrator, f'{{"version":1,"kind":"daily","scheduled_for":"{instant}"}}'.encode())
    seconds = time.perf_counter() - started
    tables = len(plane.bus.tables())
    plane.store.close()
    return seconds, store.statements, tables


def loading_seconds(function: str, *, rounds: int = 5) -> float:
    """The median of some fresh processes, from the first import to being able to handle a request.

    They have compiled modules, as any process but the first, and no `rich`, which no function has: the log's library
    loads it where it is.
    """
    script = (
        "import sys, time; sys.modules['rich'] = None; started = time.perf_counter(); from shared import wiring; "
        f"{_LOADING[function].format(ports=_PORTS)}; print(time.perf_counter() - started)"
    )
    left = ("REFRESH_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left)}
    times = []
    for _ in range(rounds + 1):
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=kept | _SETTINGS, capture_output=True, text=True, check=True
        )
        times.append(float(done.stdout))
    return statistics.median(times[1:])  # the first one compiled


def functions() -> tuple[str, ...]:
    """Those that are loaded."""
    return tuple(_LOADING)
