"""The report: figures of the views, whole without anything else, and safe with whatever stands in the data."""

import re
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pg8000.native
import pytest

from infra.local.report import main
from shared.dashboard.charts import NARROW, Line, line_chart, periods
from shared.dashboard.figures import change, count, percent, points
from tests.sqp.warehouse import EXAMPLE, EXAMPLE_SECOND_WEEK, fill, row
from tests.support.sqp import SUNDAY

type Connection = pg8000.native.Connection
_VOID = {"meta", "line", "circle", "path", "br"}


class Balance(HTMLParser):
    """Fails on an element that is closed in the wrong order, and collects what the page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            assert self.open.pop() == tag


def _report(url: str, folder: Path, *options: str) -> str:
    file = folder / "report.html"
    assert main(["--database-url", url, "--output", str(file), *options]) == 0
    return file.read_text(encoding="utf-8")


@pytest.fixture
def example(warehouse: Connection) -> Connection:
    warehouse.run("SELECT sqp.add_brand('c1', 'Edge'), sqp.map_asin('c1', 'US', 'A1', 'Edge')")
    fill(warehouse, [*EXAMPLE, *EXAMPLE_SECOND_WEEK])
    return warehouse


def test_the_page_has_the_figures_of_the_views(example: Connection, warehouse_url: str, tmp_path: Path) -> None:
    page = _report(warehouse_url, tmp_path)
    assert "<h1>Edge</h1>" in page
    assert "week of 12 Jan 2025 to 18 Jan 2025" in page
    assert (
        f'<span>Purchases</span><b>14</b><span><b class="up">{change(Decimal(14) / 13 - 1)}</b> on the week before'
        in page
    )
    assert "14 of 210" in page
    assert page.count("<svg") == 2
    for part in ("Sunday to Saturday", "24 hours", "floors", "How to read this", "Cannibalisation", "data stale"):
        assert part in page


def test_the_page_is_whole_and_loads_nothing(example: Connection, warehouse_url: str, tmp_path: Path) -> None:
    page = _report(warehouse_url, tmp_path)
    balance = Balance()
    balance.feed(page)
    assert (balance.open, balance.loads) == ([], [])
    assert not re.search(r"https?://|url\(|@import|<script", page)
    assert 'name="viewport"' in page
    assert "prefers-color-scheme: dark" in page


def test_hostile_text_stays_text(warehouse: Connection, warehouse_url: str, tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    warehouse.run("SELECT sqp.add_brand('c1', :evil)", evil=evil)
    warehouse.run("SELECT sqp.map_asin('c1', 'US', 'A1', :evil)", evil=evil)
    fill(warehouse, [row(f'"{evil}', "A1", (100, 1_000, 50, 20, 10), (90, 9, 2, 1))])
    page = _report(warehouse_url, tmp_path)
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_whose_dashboard_can_be_chosen(example: Connection, warehouse_url: str, tmp_path: Path) -> None:
    fill(
        example,
        [row("q", "A1", (100, 1_000, 50, 20, 10), (90, 9, 2, 1), marketplace="DE", start=SUNDAY - timedelta(weeks=1))],
    )
    assert "<h1>unmapped</h1>" in _report(warehouse_url, tmp_path, "--brand", "unmapped", "--client", "c1")
    assert "c1 · DE" in _report(warehouse_url, tmp_path, "--marketplace", "DE")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--client", "nobody"], "there is: c1 / US / WEEK / Edge; c1 / US / WEEK / unmapped"),
        (["--schema", "elsewhere"], "there is no warehouse elsewhere; there is sqp"),
    ],
)
def test_what_is_not_there_is_said(
    example: Connection, warehouse_url: str, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(["--database-url", warehouse_url, *options]) == 1
    assert message in capsys.readouterr().err


def test_an_empty_warehouse_is_named(
    warehouse: Connection, warehouse_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(warehouse, [])
    assert main(["--database-url", warehouse_url]) == 1
    assert "are empty: refresh the tables first" in capsys.readouterr().err


def test_figures_keep_null_and_zero_apart() -> None:
    assert [form(None) for form in (count, percent, change, points)] == ["–"] * 4
    assert (count(0), percent(Decimal(0)), change(Decimal(0))) == ("0", "0.00\u202f%", "+0.0\u202f%")
    assert (count(1_234_567), count(Decimal("2.22")), points(Decimal("-1.5"))) == (
        "1\u202f234\u202f567",
        "2.2",
        "−1.50\u202fpp",
    )


def test_a_missing_period_is_a_gap_in_the_line() -> None:
    days = [SUNDAY + timedelta(weeks=n) for n in range(4)]
    values = [Decimal("0.1"), None, Decimal("0.2"), Decimal("0.3")]
    chart = line_chart("Shares", days, [Line(name="a", values=values)], NARROW)
    [path] = re.findall(r'class="line s1" d="([^"]*)"', chart)
    assert [piece[0] for piece in re.findall(r"[ML][\d.]+ [\d.]+", path)] == ["M", "M", "L"]
    assert line_chart("Shares", days[:1], [Line(name="a", values=[None])], NARROW).startswith("<svg")


def test_a_period_without_a_report_keeps_its_place() -> None:
    weeks = periods(date(2024, 12, 22), date(2025, 1, 5), "WEEK")
    assert weeks == [date(2024, 12, 22), date(2024, 12, 29), date(2025, 1, 5)]
    assert periods(date(2024, 11, 1), date(2025, 2, 1), "MONTH") == [
        date(2024, 11, 1),
        date(2024, 12, 1),
        date(2025, 1, 1),
        date(2025, 2, 1),
    ]
    assert periods(date(2024, 10, 1), date(2025, 4, 1), "QUARTER") == [
        date(2024, 10, 1),
        date(2025, 1, 1),
        date(2025, 4, 1),
    ]
    assert periods(SUNDAY, SUNDAY, "WEEK") == [SUNDAY]


def test_a_week_that_is_missing_is_drawn_as_a_gap(example: Connection, warehouse_url: str, tmp_path: Path) -> None:
    fill(example, [row("q", "A1", (100, 1_000, 50, 20, 10), (90, 9, 2, 1), start=SUNDAY + timedelta(weeks=4))])
    page = _report(warehouse_url, tmp_path)
    [first, *_] = re.findall(r'class="line s1" d="([^"]*)"', page)
    assert [piece[0] for piece in re.findall(r"[ML][\d.]+ [\d.]+", first)] == ["M", "L", "M"]
    assert first.startswith("M50.0 ")
    assert "M920.0 " in first
