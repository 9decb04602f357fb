"""`make bench`: the path beside psql's \\copy, as ratios taken in one run.

Absolute times drift by a factor of two between machines and hours; the ratios are what is promised. Each measurement is
interleaved with the floor's and the median of the rounds is taken.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path as FilePath

from infra.local.postgres import Postgres
from infra.migrations.run import migrate
from tests.bench.api import MORNING, TARGET_MS, hold_all, read_times, seed
from tests.bench.control import functions, loading_seconds, planned
from tests.bench.floor import copy_and_index, write_file
from tests.bench.memory import peak_megabytes
from tests.bench.path import Path
from tests.bench.sample_table import DDL, all_weeks, weeks

ROWS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Result:
    """A measured figure against its target."""

    what: str
    value: float
    unit: str
    target: float | None
    seconds: float | None = None

    @property
    def reached(self) -> bool:
        """Whether the target is kept; a figure without one always is."""
        return self.target is None or self.value <= self.target


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="refresh-bench-") as name:
        folder = FilePath(name)
        folder.chmod(0o711)
        server = Postgres(folder / "postgres", log=folder / "postgres.log")
        with server:
            results = [] if options.control else _path(server, folder, options)
            results += _control(server)
        server.remove()
    _print(results)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) | {"reached": one.reached} for one in results], indent=2))
    return 0


def _path(server: Postgres, folder: FilePath, options: argparse.Namespace) -> list[Result]:
    url = server.ensure_database("bench")
    migrate(url)
    return _speed(server, url, folder, options.rows, options.rounds) + _memory(url, options.memory_rows)


def _speed(server: Postgres, url: str, folder: FilePath, rows: int, rounds: int) -> list[Result]:
    file = folder / "table.bin"
    write_file(file, (batch for _, batch in all_weeks(rows)))
    file.chmod(0o644)
    psql = server.psql
    one_lane, two_lanes = Path(url, rows), Path(url, rows, parallelism=2)
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        times.setdefault("floor", []).append(copy_and_index(psql, url, file, DDL))
        two_lanes.create()
        times.setdefault("two lanes", []).append(two_lanes.run()[0])
        one_lane.create()
        times.setdefault("first", []).append(one_lane.run()[0])
        one_lane.night()
        times.setdefault("unchanged", []).append(one_lane.run()[0])
        one_lane.change(weeks()[-1:], every=10)
        times.setdefault("one week", []).append(one_lane.run()[0])
        differing = one_lane.change(weeks(), every=50)
        seconds, task = one_lane.run()
        times.setdefault("re-merge", []).append(seconds)
    median = {name: statistics.median(values) for name, values in times.items()}
    first = median["first"]
    ratio = [
        ("first load, one lane ÷ (psql \\copy + primary key)", first / median["floor"], 1.2, first),
        ("first load, two lanes ÷ the same", median["two lanes"] / median["floor"], 1.0, median["two lanes"]),
        ("a day without changes ÷ first load", median["unchanged"] / first, 0.02, median["unchanged"]),
        ("1 of 52 weeks changed ÷ first load", median["one week"] / first, 0.05, median["one week"]),
        ("re-merge of all rows, 2 % changed ÷ first load", median["re-merge"] / first, 2.0, median["re-merge"]),
        ("rows written by that re-merge ÷ rows that changed", task["rows_updated"] / differing, 1.0, None),
    ]
    results = [Result(what="psql \\copy + primary key", value=median["floor"], unit="s", target=None)]
    return results + [
        Result(what=what, value=value, unit="×", target=target, seconds=seconds)
        for what, value, target, seconds in ratio
    ]


def _memory(url: str, sizes: list[int]) -> list[Result]:
    peaks = [peak_megabytes(url, rows) for rows in sizes]
    results = [
        Result(what=f"peak memory of a worker, {rows:,} rows", value=peak, unit="MiB", target=512)
        for rows, peak in zip(sizes, peaks, strict=True)
    ]
    if len(peaks) > 1:
        growth = peaks[-1] / peaks[0]
        results.append(Result(what=f"the same, {sizes[-1]:,} ÷ {sizes[0]:,} rows", value=growth, unit="×", target=1.15))
    return results


def _control(server: Postgres) -> list[Result]:
    """1,000 tables with a year of history: what the API answers reads in, and the orchestrator plans in."""
    url = server.ensure_database("history")
    migrate(url)
    seed(url)
    reads = read_times(url)
    hold_all(url)
    reads |= {f"{name}, all held": milliseconds for name, milliseconds in read_times(url, MORNING).items()}
    results = [
        Result(what=f"API, 95th percentile: {name}", value=milliseconds, unit="ms", target=TARGET_MS)
        for name, milliseconds in reads.items()
    ]
    runs = [planned(url, days) for days in (1, 2, 3)]
    seconds = statistics.median(run[0] for run in runs)
    assert {run[2] for run in runs} == {1_000}
    results.append(Result(what="orchestrator: 1,000 tables planned, published", value=seconds, unit="s", target=2.0))
    results.append(Result(what="the same, statements", value=runs[0][1], unit="", target=30))
    for function in functions():
        target = 0.6 if function == "api" else 1.2
        results.append(Result(what=f"loading {function}", value=loading_seconds(function), unit="s", target=target))
    return results


def _print(results: list[Result]) -> None:
    width = max(len(one.what) for one in results)
    for one in results:
        target = "" if one.target is None else f"  target ≤ {one.target:g}  {'reached' if one.reached else 'MISSED'}"
        seconds = "" if one.seconds is None else f"  ({one.seconds:.2f} s)"
        print(f"{one.what:<{width}}  {one.value:8.3f} {one.unit:<3}{target}{seconds}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-rows", type=int, nargs="*", default=[ROWS, 10 * ROWS])
    parser.add_argument("--control", action="store_true", help="only API, orchestrator and the loading of functions")
    parser.add_argument("--json", type=FilePath, default=FilePath("bench.json"))
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
