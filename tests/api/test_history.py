"""History and metrics: the same figures whether days are counted as a whole or task by task."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.api.conftest import Api

NOW = datetime.now(UTC)
MIDNIGHT = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
STATUSES = ("success", "no_new_data", "failed", "held", "warning", "skipped")


def add(api: Api, at: datetime, status: str = "success", *, seconds: float | None = 10.0, table: str = "a") -> None:
    """A task that ended at a moment; without `seconds` it had never begun."""
    (run,) = api.plane.run(
        "INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key, status, created_at, finished_at)"
        " VALUES ('schedule', 'schedule', gen_random_uuid()::text, 'success', :at, :at) RETURNING run_id",
        at=at,
    )
    api.plane.run(
        "INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, status, reason,"
        " started_at, finished_at, rows_read, rows_staged, rows_inserted, bytes_billed)"
        " VALUES (:run_id, 'public', :table, 'generic', 100, :status, 'test', :started_at, :at, 7, 7, 7, 1000)",
        run_id=run["run_id"],
        table=table,
        status=status,
        started_at=None if seconds is None else at - timedelta(seconds=seconds),
        at=at,
    )


@pytest.fixture
def year(api: Api) -> Api:
    """Three tasks a day for 40 days, some statuses of each kind."""
    api.plane.register("a", "b", "c")
    for day in range(40):
        for i, table in enumerate("abc"):
            at = NOW - timedelta(days=day, minutes=i)
            add(api, at, STATUSES[(day + i) % 6], seconds=(day * 3 + i + 1), table=table)
    return api


def between(since: datetime | None, until: datetime | None) -> str:
    """The moments as parameters of a call."""
    return "".join(
        f"&{name}={moment:%Y-%m-%dT%H:%M:%S.%fZ}" for name, moment in (("from", since), ("to", until)) if moment
    )


def shape(answer: dict[str, Any]) -> dict[str, Any]:
    return {"summary": answer["summary"], "total": answer["pagination"]["total"]}


def test_counts_are_those_of_the_tasks_in_any_span(year: Api) -> None:
    tasks = year.plane.run("SELECT status, finished_at FROM refresh.refresh_task")
    moments = [None, NOW - timedelta(days=33, hours=5), MIDNIGHT - timedelta(days=10), NOW - timedelta(days=2), NOW]
    for since in moments:
        for until in moments:
            query = between(since, until)
            counted = Counter(
                row["status"]
                for row in tasks
                if (since is None or row["finished_at"] >= since) and (until is None or row["finished_at"] < until)
            )
            answer = year.get(f"/api/refresh/history?page_size=1{query}")
            assert answer["summary"]["by_status"] == dict(counted), (since, until)
            assert answer["pagination"]["total"] == sum(counted.values())


def test_pages_follow_each_other_without_gap_or_repeat(year: Api) -> None:
    seen = []
    for page in (1, 2, 3):
        seen += year.get(f"/api/refresh/history?page={page}&page_size=50")["items"]
    assert len({(one["run_id"], one["table"]) for one in seen}) == len(seen) == 120
    assert [one["finished_at"] for one in seen] == sorted((one["finished_at"] for one in seen), reverse=True)
    assert year.get("/api/refresh/history?page=4&page_size=50")["items"] == []
    of_table = year.get("/api/refresh/history?table=public.b&status=failed&page_size=100")
    assert {(one["table"], one["status"]) for one in of_table["items"]} == {("public.b", "failed")}
    assert of_table["pagination"]["total"] == len(of_table["items"])
    assert of_table["summary"]["total"] == 40


@pytest.mark.parametrize("status", [None, "failed", "skipped"])
@pytest.mark.parametrize("since", [None, NOW - timedelta(days=33, hours=5)])
@pytest.mark.parametrize("until", [None, MIDNIGHT - timedelta(days=9), NOW - timedelta(days=2, minutes=1)])
def test_a_deep_page_is_that_of_the_whole_list(
    year: Api, status: str | None, since: datetime | None, until: datetime | None
) -> None:
    query = between(since, until) + (f"&status={status}" if status else "")
    year.plane.run("DELETE FROM refresh.refresh_task WHERE finished_at::date IN (current_date - 7, current_date - 20)")
    ended = [
        (row["run_id"], row["finished_at"])
        for row in year.plane.run(
            "SELECT run_id::text, finished_at FROM refresh.refresh_task WHERE status = coalesce(:status, status)"
            " ORDER BY finished_at DESC",
            status=status,
        )
    ]
    listed = [run for run, at in ended if (since is None or at >= since) and (until is None or at < until)]
    size = 4
    pages = range(0, len(listed) + size, size)
    found = [year.get(f"/api/refresh/history?page={n + 1}&page_size={size}{query}") for n in range(len(pages))]
    assert [[one["run_id"] for one in page["items"]] for page in found] == [listed[n : n + size] for n in pages]


def test_what_is_written_into_days_that_are_over_is_counted_all_the_same(year: Api) -> None:
    before = year.get("/api/refresh/history")["summary"]["by_status"]
    assert year.plane.run("SELECT count(*) AS days FROM refresh.refresh_day")[0]["days"] >= 38
    add(year, NOW - timedelta(days=20), "held")
    after = year.get("/api/refresh/history")["summary"]["by_status"]
    assert after["held"] == before["held"] + 1
    year.plane.run("DELETE FROM refresh.refresh_task WHERE finished_at < now() - interval '30 days'")
    assert year.get("/api/refresh/history")["summary"]["total"] == 121 - 10 * 3


def test_while_somebody_writes_into_those_days_they_are_counted_one_by_one(year: Api) -> None:
    before = year.get("/api/refresh/history")["summary"]
    with year.plane.store.transaction() as session:
        session.run("UPDATE refresh.refresh_run SET requested_by = requested_by")
        session.run("SELECT pg_advisory_xact_lock_shared(refresh.day_lock())")
        session.run("DELETE FROM refresh.refresh_day")
        assert year.get("/api/refresh/history")["summary"] == before
    assert year.get("/api/refresh/history")["summary"] == before


@pytest.mark.parametrize("table", [None, "public.b"])
def test_metrics_are_those_of_the_tasks(year: Api, table: str | None) -> None:
    days = 30
    since = MIDNIGHT - timedelta(days=days - 1)
    rows = year.plane.run(
        "SELECT *, extract(epoch FROM finished_at - started_at) * 1000 AS ms FROM refresh.refresh_task"
        " WHERE finished_at >= :since AND coalesce(:table = 'public.' || table_name, true)",
        since=since,
        table=table,
    )
    metrics = year.get(f"/api/refresh/metrics?days={days}" + (f"&table={table}" if table else ""))
    assert metrics["overall"] == figures(rows)
    by_day: dict[date, list[Any]] = {}
    for row in rows:
        by_day.setdefault(row["finished_at"].astimezone(UTC).date(), []).append(row)
    assert metrics["per_day"] == [figures(group) | {"day": day.isoformat()} for day, group in sorted(by_day.items())]
    named = [name for name in "abc" if table in (None, f"public.{name}")]
    assert metrics["per_table"] == [
        figures([row for row in rows if row["table_name"] == name]) | {"table": f"public.{name}"} for name in named
    ]
    assert metrics["pagination"]["total"] == len(named)


def test_what_never_began_took_no_time(api: Api) -> None:
    api.plane.register("a")
    add(api, NOW, "skipped", seconds=None)
    metrics = api.get("/api/refresh/metrics")
    for figure in (metrics["overall"], *metrics["per_day"], *metrics["per_table"]):
        assert (figure["tasks"], figure["duration_p50_ms"], figure["duration_p95_ms"]) == (1, None, None)
    (ended,) = api.get("/api/refresh/history")["items"]
    (task,) = api.get(f"/api/refresh/runs/{ended['run_id']}")["tables"]
    assert (ended["duration_ms"], task["duration_ms"]) == (None, None)


def figures(rows: list[Any]) -> dict[str, Any]:
    durations = sorted(int(row["ms"]) for row in rows)
    by_status = Counter(row["status"] for row in rows)
    good = by_status["success"] + by_status["no_new_data"]
    billed = sum(row["bytes_billed"] for row in rows)
    return {
        "tasks": len(rows),
        "by_status": {status: count for status, count in by_status.items() if count},
        "success_rate": round(good / len(rows), 4),
        "duration_p50_ms": durations[-(-len(rows) * 50 // 100) - 1],
        "duration_p95_ms": durations[-(-len(rows) * 95 // 100) - 1],
        "rows_read": sum(row["rows_read"] for row in rows),
        "rows_inserted": sum(row["rows_inserted"] for row in rows),
        "rows_updated": 0,
        "rows_deleted": 0,
        "rows_quarantined": 0,
        "bytes_billed": billed,
        "usd": round(billed / 2**40 * 6.25, 6),
    }


def test_percentiles_are_those_that_one_reckons_by_hand(api: Api) -> None:
    """Of ten durations the fifth and the tenth, of twenty the tenth and the nineteenth: today's, yesterday's, both."""
    api.plane.register("a")
    for seconds in range(1, 11):
        add(api, NOW, seconds=seconds)
        add(api, NOW - timedelta(days=1), seconds=seconds * 100)
    metrics = api.get("/api/refresh/metrics?days=3")
    for days in (metrics, api.get("/api/refresh/metrics?days=3&table=public.a")):
        found = [(day["duration_p50_ms"], day["duration_p95_ms"]) for day in days["per_day"]]
        assert sorted(found) == [(5_000, 10_000), (500_000, 1_000_000)]
        for whole in (days["overall"], days["per_table"][0]):
            assert (whole["duration_p50_ms"], whole["duration_p95_ms"]) == (10_000, 900_000)


def test_percentiles_of_many_tasks_a_day_are_close(api: Api) -> None:
    """Of more than 200 tasks a day the overall ones are put together from quantiles."""
    api.plane.register("a")
    for day, factor in ((1, 1), (2, 3)):
        api.plane.run(
            "WITH made AS (INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key, status,"
            " created_at, finished_at) SELECT 'manual', 'x', :day || ':' || i, 'success', :at, :at"
            " FROM generate_series(1, 1000) AS i RETURNING run_id)"
            " INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, status,"
            " started_at, finished_at) SELECT run_id, 'public', 'a', 'generic', 100, 'no_new_data',"
            " :at - make_interval(secs => :factor * row_number() OVER ()), :at FROM made",
            day=str(day),
            at=MIDNIGHT - timedelta(days=day) + timedelta(hours=12),
            factor=factor,
        )
    metrics = api.get("/api/refresh/metrics?days=3")
    exact = sorted([i * 1000 for i in range(1, 1001)] + [i * 3000 for i in range(1, 1001)])
    assert [day["duration_p95_ms"] for day in metrics["per_day"]] == [2_850_000, 950_000]
    assert metrics["overall"]["duration_p50_ms"] == pytest.approx(exact[999], rel=0.02)
    assert metrics["overall"]["duration_p95_ms"] == pytest.approx(exact[1899], rel=0.02)


def test_prometheus_counts_all_that_ever_ended(year: Api) -> None:
    text = year("GET", "/metrics").text
    (row,) = year.plane.run("SELECT count(*) AS tasks FROM refresh.refresh_task WHERE status = 'success'")
    assert f'refresh_tasks_ended_total{{status="success"}} {row["tasks"]}.0' in text
    assert "# TYPE refresh_tasks_ended_total counter" in text
    for line in text.splitlines():
        assert line.startswith("#") or len(line.rsplit(" ", 1)) == 2


def test_the_audit_is_paged_by_cursor(year: Api) -> None:
    everything = year.plane.run("SELECT audit_id FROM refresh.refresh_audit_log ORDER BY at DESC, audit_id DESC")
    seen: list[int] = []
    cursor = ""
    while True:
        page = year.get(f"/api/refresh/audit?limit=100{cursor}")
        seen += [one["audit_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [row["audit_id"] for row in everything]
