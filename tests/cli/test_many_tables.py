"""A status and a run of a thousand tables: what needs somebody is not lost among what is well."""

from __future__ import annotations

from typing import Any

import pytest

from infra.cli import overview
from infra.cli.output import Output
from infra.cli.run_view import show_run

_NOW = "2026-01-31T06:00:00Z"


@pytest.fixture(autouse=True)
def piped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of any width, whatever the runner of the tests says of its terminal."""
    monkeypatch.delenv("COLUMNS", raising=False)


def _status(number: int) -> dict[str, Any]:
    tables = [
        {
            "table": f"shop.t{i:04}",
            "status": "failed" if i == 7 else "running" if i == 8 else "success",
            "data_as_of": _NOW,
            "last_data_period": None,
            "next_refresh": None,
            "progress": None,
        }
        for i in range(number)
    ]
    alert = {
        "severity": "critical",
        "kind": "failed",
        "table": "shop.t0007",
        "message": "It failed.",
        "what_to_do": "Then POST /api/refresh/runs/1-2/replay.",
    }
    return {"generated_at": _NOW, "tables": tables, "alerts": [alert]}


@pytest.mark.parametrize(("number", "everything", "listed"), [(30, False, 30), (1000, False, 2), (1000, True, 1000)])
def test_of_many_tables_those_that_need_somebody_are_shown(
    number: int, everything: bool, listed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    overview.show(Output(as_json=False), _status(number), everything=everything)
    out = capsys.readouterr().out
    assert sum(line.startswith("shop.t") for line in out.splitlines()) == listed
    assert ("998 more tables are fine and idle: refreshctl status --all" in out) is (listed == 2)
    assert "critical shop.t0007: It failed.\n  → Then `refreshctl replay 1-2`." in out


def _task(name: str, status: str, reason: str | None = None) -> dict[str, Any]:
    counts = dict.fromkeys(("rows_read", "rows_inserted", "rows_updated", "rows_deleted"), 0)
    ended = {"table": name, "status": status, "reason": reason, "error": None, "finished_at": _NOW}
    return counts | ended | {"duration_ms": None, "rolled_back": None}


def test_a_run_says_what_to_do_next_about_what_did_not_end_well(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [
        *(_task(f"shop.t{i}", "success") for i in range(40)),
        _task("shop.held", "held", "halved_source"),
        _task("odd one.failed", "failed", "duplicate_key"),
        _task("shop.late", "skipped", "input_failed"),
    ]
    run = {
        "run_id": "1-2",
        "status": "failed",
        "requested_by": "ada",
        "trigger": "manual",
        "replay_of": None,
        "replayed_by": [],
        "snapshot_at": _NOW,
        "created_at": _NOW,
        "duration_ms": 61_000,
        "cost": {"bytes_billed": 2048, "usd": 0.0},
        "tables": tasks,
    }
    show_run(Output(as_json=False), run)
    out = capsys.readouterr().out
    assert "40 more ended well: refreshctl run 1-2 --all" in out
    assert "refreshctl release shop.held, or: refreshctl refuse shop.held --reason WHY" in out
    assert "then: refreshctl replay 1-2" in out
    assert "shop.t0" not in out
