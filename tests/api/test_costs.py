"""What BigQuery billed, by month."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Api, forget


def bill(api: Api, table: str, job: str, started: str, tebibytes: int | None, usd: float | None = None) -> None:
    """A job of the table's task, settled unless it has no figure."""
    api.plane.run(
        "INSERT INTO refresh.refresh_job_cost (job_id, run_id, table_schema, table_name, step, bytes_billed, usd,"
        " started_at, settled_at) SELECT :job, run_id, table_schema, table_name, 'slice', :bytes, :usd,"
        " CAST(:started AS timestamptz), CASE WHEN CAST(:bytes AS bigint) IS NOT NULL THEN now() END"
        " FROM refresh.refresh_task WHERE table_name = :table",
        job=job,
        bytes=None if tebibytes is None else tebibytes * 2**40,
        usd=usd,
        started=started,
        table=table,
    )


@pytest.fixture
def billed(api: Api) -> Api:
    api.plane.register("a", "b")
    api.plane.daily()
    bill(api, "a", "1", "2025-05-31T23:59:59Z", 100)
    bill(api, "a", "2", "2025-06-01T00:00:00Z", 1, 5.0)
    bill(api, "a", "3", "2025-06-30T23:59:59Z", 1)
    bill(api, "b", "4", "2025-06-15T12:00:00Z", 3, 15.0)
    bill(api, "b", "5", "2025-06-15T12:00:00Z", None)
    bill(api, "b", "6", "2025-07-01T00:00:00Z", 100)
    return api


def test_a_month_by_table_and_in_all(billed: Api) -> None:
    assert billed.get("/api/refresh/costs?month=2025-06") == {
        "month": "2025-06",
        "usd_per_tib": 6.25,
        "jobs": 3,
        "bytes_billed": 5 * 2**40,
        "usd": 26.25,
        "tables": [
            {"table": "public.b", "jobs": 1, "runs": 1, "bytes_billed": 3 * 2**40, "usd": 15.0},
            {"table": "public.a", "jobs": 2, "runs": 1, "bytes_billed": 2 * 2**40, "usd": 11.25},
        ],
        "days": [
            {"day": "2025-06-01", "jobs": 1, "bytes_billed": 2**40, "usd": 5.0},
            {"day": "2025-06-15", "jobs": 1, "bytes_billed": 3 * 2**40, "usd": 15.0},
            {"day": "2025-06-30", "jobs": 1, "bytes_billed": 2**40, "usd": 6.25},
        ],
    }


def test_a_month_without_jobs(api: Api) -> None:
    answer = api.get("/api/refresh/costs?month=2025-06")
    assert (answer["bytes_billed"], answer["usd"], answer["tables"]) == (0, 0, [])


@pytest.mark.parametrize("month", ["2025-13", "2025", "june", "2025-06-01", "1999-01"])
def test_what_is_no_month_is_refused(api: Api, month: str) -> None:
    assert api("GET", f"/api/refresh/costs?month={month}").status_code == 422


def test_what_was_spent_today_beside_the_caps(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFRESH_MAX_BYTES_BILLED_PER_DAY", str(10 * 2**40))
    forget()
    api.plane.register("a", max_bytes_billed_per_day=4 * 2**40)
    api.plane.register("b", max_bytes_billed=2**40)
    api.plane.register("c", "d")
    api.plane.daily()
    (at,) = api.plane.run(
        "SELECT CAST(now AS text) AS now, CAST(now - interval '1 day' AS text) AS yesterday FROM now() AS now"
    )
    now, yesterday = at["now"], at["yesterday"]
    bill(api, "a", "1", now, 1)
    bill(api, "a", "2", yesterday, 100)
    bill(api, "c", "3", now, 2)
    bill(api, "d", "4", now, None)
    api.plane.run("UPDATE refresh.refresh_job_cost SET bytes_reserved = CAST(2 AS bigint) ^ 40 WHERE job_id = '4'")

    def found() -> Any:
        return api.get("/api/refresh/costs/today")

    def table(name: str, spent: int, cap: int | None = None, daily: int | None = None) -> dict[str, Any]:
        return {
            "table": f"public.{name}",
            "bytes_spent": spent * 2**40,
            "max_bytes_billed": cap,
            "max_bytes_billed_per_day": daily,
        }

    capped = [table("a", 1, daily=4 * 2**40), table("c", 2)]
    assert (found()["bytes_spent"], found()["max_bytes_billed_per_day"]) == (4 * 2**40, 10 * 2**40)
    assert found()["tables"] == [*capped, table("d", 1), table("b", 0, cap=2**40)]
    api.plane.finish("d", "failed")
    assert found()["tables"] == [*capped, table("b", 0, cap=2**40)], "what was reserved is free again"
