"""What needs somebody is told once for all tables that it is about."""

from __future__ import annotations

from typing import Any

import pytest

from infra.cli.attention import concerns, show
from infra.cli.output import Output


def _alert(
    table: str | None, *, kind: str = "stale", message: str = "It is old.", what: str = "Wait."
) -> dict[str, Any]:
    return {"severity": "critical", "kind": kind, "table": table, "message": message, "what_to_do": what}


def test_few_tables_are_told_of_one_by_one_and_many_as_one() -> None:
    few = concerns([_alert(f"s.t{i}") for i in range(3)])
    assert [one.about for one in few] == ["s.t0", "s.t1", "s.t2"]
    (many,) = concerns([_alert(f"s.t{i}") for i in range(7)])
    assert (many.about, many.tables) == ("7 tables", "s.t0, s.t1, s.t2, s.t3, s.t4 and 2 more")


def test_names_in_what_is_said_do_not_keep_alike_ones_apart() -> None:
    alerts = [_alert(f"s.t{i}", what=f"POST /api/refresh/tables/s.t{i}/release.") for i in range(4)]
    (one,) = concerns(alerts)
    assert one.about == "4 tables"


def test_what_is_not_of_a_table_is_of_the_system() -> None:
    assert [one.about for one in concerns([_alert(None)] * 2)] == ["the system"] * 2
    (many,) = concerns([_alert(None)] * 4)
    assert many.message == "It is old."


@pytest.mark.parametrize(("everything", "told"), [(False, 5), (True, 9)])
def test_of_many_of_a_kind_the_first_are_shown(everything: bool, told: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = concerns([_alert(f"s.t{i}", kind="failed", message=f"Error {i}.") for i in range(9)])
    show(Output(as_json=False), found, everything=everything)
    out = capsys.readouterr().out
    assert out.count("critical s.t") == told
    assert ("4 more are failed: refreshctl status --all" in out) is not everything
