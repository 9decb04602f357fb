"""The demo's story: a day on which all is new, and a day on which little is."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient
from rich.console import Console

from infra.local.demo.control_plane import ControlPlane
from infra.local.demo.day import Moved, check_moved, summary_table, watch
from infra.local.sample.load import MIN_ROWS, Change, apply_day_two
from infra.local.sample.verify import verify_sample
from infra.local.sample_data import ROWS, load_sample
from infra.local.stack import PROJECT, Stack

_PLAIN_WIDTH = 150


def main(arguments: Sequence[str]) -> int:
    """Run the demo; the exit status is 0 only if every target equals its source and only changed scopes moved."""
    options = _options(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=_PLAIN_WIDTH)
    started = time.monotonic()
    with Stack(data_dir=options.data_dir, empty=True, bus=options.bus, scheduler=False) as stack:
        console.print(f"The embedded stack is up (Pub/Sub: {stack.pubsub.kind}; logs: {stack.logs}).")
        with stack.bigquery.client() as client, ControlPlane(stack.postgres.url) as control:
            load_sample(client, stack.postgres.url, PROJECT, rows=options.rows)
            console.print(f"BigQuery holds the first day's sample: about {options.rows:,} rows in both source shapes.")
            storage = stack.bigquery.storage_client()
            first_day = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0)
            good = _day(console, stack, control, client, storage, "Day 1: everything is new", first_day, None)
            changes = apply_day_two(client, PROJECT, options.rows)
            good &= _day(
                console,
                stack,
                control,
                client,
                storage,
                "Day 2: a restated week, a new week, a vanished row, a redelivery",
                first_day + timedelta(days=1),
                changes,
            )
    verdict = "every target equals its source" if good else "SOMETHING IS WRONG, see above"
    console.print(f"Done in {time.monotonic() - started:.0f} s: {verdict}.")
    return 0 if good else 1


def _day(
    console: Console,
    stack: Stack,
    control: ControlPlane,
    client: bigquery.Client,
    storage: BigQueryReadClient,
    title: str,
    scheduled_for: datetime,
    changes: list[Change] | None,
) -> bool:
    console.rule(title)
    moment = scheduled_for.isoformat().replace("+00:00", "Z")
    stack.scheduler.publish({"version": 1, "kind": "daily", "scheduled_for": moment})
    run = watch(console, control, f"schedule:daily:{moment}")
    console.print(summary_table(control, run))
    good = run.status in ("success", "warning")
    if not good:
        console.print(f"The run ended as {run.status}: {'; '.join(control.failures(run.run_id)) or 'no reason given'}")
    comparisons = verify_sample(client, storage, control.connection, project=PROJECT, snapshot_at=run.snapshot_at)
    for one in comparisons:
        verdict = "equal" if one.equal else f"{one.missing} missing, {one.unexpected} unexpected"
        console.print(f"  {one.table}: {one.rows:,} rows by an independent query at the snapshot: {verdict}")
    good &= all(one.equal for one in comparisons)
    if changes is not None:
        for moved in check_moved(control, run.run_id, changes):
            console.print(f"  {_moved_line(moved)}")
            good &= moved.as_expected
    return good


def _moved_line(moved: Moved) -> str:
    if moved.as_expected:
        return f"{moved.table}: moved {', '.join(moved.scopes) or 'nothing'}; {moved.unchanged} scopes left alone"
    return f"{moved.table}: moved {', '.join(moved.scopes)}, but only {', '.join(moved.expected)} had changed"


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.local demo", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS, help=f"source rows to make, at least {MIN_ROWS} ({ROWS})")
    parser.add_argument("--bus", choices=["official", "embedded"], help="which Pub/Sub; unset: official where found")
    parser.add_argument("--data-dir", type=Path, help="where data and logs are kept; unset: removed at the end")
    options = parser.parse_args(arguments)
    if options.rows < MIN_ROWS:
        parser.error(f"--rows {options.rows} is too few: the sample needs at least {MIN_ROWS}")
    return options
