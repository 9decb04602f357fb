"""`python -m infra.local report`: the brand dashboard of a warehouse as one HTML file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from infra.local import env_file
from shared.adapters.postgres import PostgresStore
from shared.dashboard.data import Choice, Dashboard, NothingToShowError, read_dashboard
from shared.dashboard.page import render
from shared.domain.errors import RefreshError

_SAMPLE_ROWS = 60_000


def main(arguments: Sequence[str]) -> int:
    """Write the page; the exit status is 1 when there is nothing to show or nothing to ask."""
    options = _options(arguments)
    choice = Choice(
        schema=options.schema,
        client=options.client,
        marketplace=options.marketplace,
        report_period=options.report_period,
        brand=options.brand,
    )
    try:
        with _database(options) as url:
            board = _read(url, choice)
    except (NothingToShowError, RefreshError) as error:
        print(f"no report was written: {error}", file=sys.stderr)
        return 1
    options.output.write_text(render(board), encoding="utf-8")
    print(f"wrote {options.output}: {board.brand}, {board.client}, {board.marketplace}, {board.period_start}")
    return 0


def _read(url: str, choice: Choice) -> Dashboard:
    """All figures of one moment: a table that is published meanwhile is seen in none of them, or in all."""
    store = PostgresStore(url)
    try:
        with store.transaction(isolation="repeatable read") as session:
            return read_dashboard(session, choice)
    finally:
        store.close()


@contextmanager
def _database(options: argparse.Namespace) -> Iterator[str]:
    """The database that was named; otherwise the sample's, loaded and refreshed for this call."""
    if options.env_file:
        yield env_file.read(options.env_file)["DATABASE_URL"]
    elif options.database_url or os.environ.get("DATABASE_URL"):
        yield options.database_url or os.environ["DATABASE_URL"]
    else:
        yield from _sample()


def _sample() -> Iterator[str]:
    from infra.local.demo.control_plane import ControlPlane
    from infra.local.demo.day import watch
    from infra.local.sample_data import load_sample
    from infra.local.stack import PROJECT, Stack

    console = Console(soft_wrap=True)
    console.print("No database is named: the embedded stack is started with sample data, which takes a minute or two.")
    with Stack(empty=True, scheduler=False) as stack:
        with stack.bigquery.client() as client:
            load_sample(client, stack.postgres.url, PROJECT, rows=_SAMPLE_ROWS)
        instant = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        stack.scheduler.publish({"version": 1, "kind": "daily", "scheduled_for": instant})
        with ControlPlane(stack.postgres.url) as control:
            watch(console, control, f"schedule:daily:{instant}")
        yield stack.postgres.url


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local report", description=__doc__)
    parser.add_argument("--database-url", help="postgresql://…; unset: DATABASE_URL, and without that the sample")
    parser.add_argument("--env-file", type=Path, help="file of a running `up`, instead of a database's address")
    parser.add_argument("--output", type=Path, default=Path("report.html"), help="file to write (report.html)")
    parser.add_argument("--schema", default="sqp", help="warehouse (sqp; the sample's export is in sqp_export)")
    parser.add_argument("--client", help="client_id; unset: that of the brand with most purchases")
    parser.add_argument("--marketplace", help="marketplace_id; unset: that of the brand with most purchases")
    parser.add_argument("--report-period", choices=["WEEK", "MONTH", "QUARTER"], default="WEEK", help="(WEEK)")
    parser.add_argument("--brand", help="unset: the one with most purchases")
    return parser.parse_args(arguments)
