"""`python -m tests.bench.sqp`: the analyses of the warehouse on five million rows of one client, with their plans.

Medians of five calls each: by the clock, and of the processor that the server's process had, which other work on the
machine does not lengthen as much. `--plans FILE` writes what the server really did.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pg8000.native

from infra.local.postgres import Postgres
from infra.migrations.run import migrate
from shared.adapters.database_url import connection_arguments

_TARGET_MILLISECONDS = 50
_CALLS = 5
_WHO = "'c1', 'ATVPDKIKX0DER', 'WEEK'"
_YEAR = "'2025-01-05', '2025-12-28'"
_WEEK = "'2025-12-28'"
_KEYWORDS = "ARRAY['search query no 7', 'search query no 8', 'search query no 900']"
ANALYSES = {
    "keyword_funnel, a year": f"keyword_funnel({_WHO}, 'search query no 7', {_YEAR})",
    "keyword_market_share, a year": f"keyword_market_share({_WHO}, 'search query no 7', {_YEAR})",
    "compare_keywords, 3 for a year": f"compare_keywords({_WHO}, {_KEYWORDS}, {_YEAR})",
    "keyword_trend, a year": f"keyword_trend({_WHO}, 'search query no 7')",
    "lost_purchases, a week": f"lost_purchases({_WHO}, {_WEEK})",
    "lost_purchases, 4 weeks": f"lost_purchases({_WHO}, '2025-12-07', {_WEEK})",
    "ctr_gap, a week": f"ctr_gap({_WHO}, {_WEEK})",
    "cvr_gap, a week": f"cvr_gap({_WHO}, {_WEEK})",
    "funnel_stage, a week": f"funnel_stage({_WHO}, {_WEEK})",
    "cannibalisation, a week": f"cannibalisation({_WHO}, {_WEEK})",
    "price_position, a week": f"price_position({_WHO}, {_WEEK})",
    "share_movers, two weeks": f"share_movers({_WHO}, {_WEEK})",
    "compare_periods, two weeks": f"compare_periods({_WHO}, {_WEEK})",
    "new_and_lost_queries, two weeks": f"new_and_lost_queries({_WHO}, {_WEEK})",
    "rank_changes, two weeks": f"rank_changes({_WHO}, {_WEEK})",
    "freshness": "freshness('2026-01-05')",
}


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="refresh-bench-sqp-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        server = Postgres(folder / "postgres", log=folder / "postgres.log", settings={"fsync": "off"})
        with server:
            url = server.ensure_database("bench")
            migrate(url)
            with pg8000.native.Connection(**(connection_arguments(url) | {"timeout": None})) as connection:
                _fill(connection, options.rows)
                _measure(connection)
                if options.plans:
                    options.plans.write_text("\n\n".join(_plans(connection)), encoding="utf-8")
                _summaries(connection)
        server.remove()
    return 0


def _fill(connection: pg8000.native.Connection, rows: int) -> None:
    text = Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")
    started = time.monotonic()
    for statement in text.replace(":asins", str(max(rows // 5_200, 1))).split(";\n"):
        connection.run(statement)
    for table in ("search_query_performance", "search_query_market"):
        connection.run(f"VACUUM (ANALYZE) sqp.{table}")
    [[count]] = connection.run("SELECT count(*) FROM sqp.search_query_performance")
    print(f"{count:,} rows in {time.monotonic() - started:.0f} s")


def _measure(connection: pg8000.native.Connection) -> None:
    [[pid]] = connection.run("SELECT pg_backend_pid()")
    for name, call in ANALYSES.items():
        taken, used = [], []
        for _ in range(_CALLS):
            started, before = time.monotonic(), _processor_seconds(pid)
            connection.run(f"SELECT * FROM sqp.{call}")
            taken.append((time.monotonic() - started) * 1000)
            used.append((_processor_seconds(pid) - before) * 1000)
        mark = f"  above {_TARGET_MILLISECONDS} ms" if statistics.median(used) > _TARGET_MILLISECONDS else ""
        print(f"{name:<34} {statistics.median(taken):7.1f} ms  processor {statistics.median(used):7.1f} ms{mark}")


def _processor_seconds(pid: int) -> float:
    """What a process has had of the processors so far, by Linux' own count."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="utf-8").split()[0]) / 1e9


def _plans(connection: pg8000.native.Connection) -> Iterator[str]:
    connection.run("LOAD 'auto_explain'")
    for setting in ("log_min_duration = 0", "log_nested_statements = on", "log_analyze = on", "log_timing = off"):
        connection.run(f"SET auto_explain.{setting}")
    connection.run("SET client_min_messages = log")
    for name, call in ANALYSES.items():
        connection.notices.clear()
        connection.run(f"SELECT * FROM sqp.{call}")
        said = [notice[b"M"].decode() for notice in connection.notices]
        yield f"-- {name}: sqp.{call}\n" + "\n".join(text for text in said if "search_query" in text)
    connection.run("RESET client_min_messages")
    connection.run("SET auto_explain.log_min_duration = -1")


def _summaries(connection: pg8000.native.Connection) -> None:
    views = connection.run("SELECT matviewname FROM pg_matviews WHERE schemaname = 'sqp' ORDER BY 1")
    names = sorted((name for (name,) in views), key=lambda name: name == "brand_period_summary")
    for name in names:
        started = time.monotonic()
        connection.run(f"REFRESH MATERIALIZED VIEW CONCURRENTLY sqp.{name}")
        print(f"refresh {name:<34} {time.monotonic() - started:7.1f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sqp", description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000, help="rows of search_query_performance (5000000)")
    parser.add_argument("--plans", type=Path, help="file for the plans of every analysis")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
