"""How answers are set: in columns, folded, one below the other, tame."""

from __future__ import annotations

import pytest

from infra.cli.layout import Word, fold, laid_out, tame
from infra.cli.output import Output, percent, picture, span

_ROWS = (
    ["table", "status", "rows"],
    ["sqp_export.search_query_performance", Word("success", "green"), "87,369"],
    ["odd.数据表", Word("held", "yellow"), "4"],
)


def _lines(width: int | None, *, coloured: bool = False) -> list[str]:
    return list(laid_out(_ROWS, width=width, fixed=[2], right=[2], coloured=coloured, headed=True))


def test_columns_are_as_wide_as_what_is_in_them() -> None:
    assert _lines(None) == [
        "table                                status     rows",
        "sqp_export.search_query_performance  success  87,369",
        "odd.数据表                           held          4",
    ]


def test_where_it_is_narrow_names_are_folded_behind_a_separator() -> None:
    assert _lines(40) == [
        "table                    status     rows",
        "sqp_export.search_       success  87,369",
        "  query_performance",
        "odd.数据表               held          4",
    ]


def test_where_it_is_too_narrow_for_that_values_are_one_below_the_other() -> None:
    assert _lines(28)[:5] == [
        "table   sqp_export.search_",
        "          query_performance",
        "status  success",
        "rows    87,369",
        "",
    ]


def test_a_name_without_separators_is_cut_rather_than_lost() -> None:
    folded = fold("x" * 50, 20)
    assert "".join(part.strip() for part in folded) == "x" * 50
    assert max(map(len, folded)) <= 20


def test_colours_are_around_words_alone() -> None:
    assert _lines(None, coloured=True)[1] == "sqp_export.search_query_performance  \x1b[32msuccess\x1b[0m  87,369"


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    assert tame("a\x1b[2Jb\x07\tc\nd") == "a\\x1b[2Jb\\x07 c d"
    assert tame("a\nb\u202e", breaks=True) == "a\nb\\x202e"


@pytest.mark.parametrize(
    ("env", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_colours_go_by_the_environment(
    env: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    Output(as_json=False).line(Word("failed", "red"), "it did")
    assert capsys.readouterr().out == ("\x1b[31mfailed\x1b[0m it did\n" if coloured else "failed it did\n")


def test_what_is_piped_is_not_wrapped_and_what_is_narrow_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "one two three four five six seven eight nine ten"
    monkeypatch.delenv("COLUMNS", raising=False)
    Output(as_json=False).line(text)
    assert capsys.readouterr().out == text + "\n"
    monkeypatch.setenv("COLUMNS", "30")
    Output(as_json=False).line(text)
    assert capsys.readouterr().out == "one two three four five six\n  seven eight nine ten\n"


def test_columns_that_can_be_spared_go_before_names_are_folded(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "32")
    Output(as_json=False).table(
        ("table", "status", "as of", "next"),
        [("shop.orders_of_a_day", "success", "1 min ago", "tomorrow")],
        spare=("next", "as of"),
    )
    assert capsys.readouterr().out == "table                 status\nshop.orders_of_a_day  success\n"


def test_figures_as_people_say_them() -> None:
    assert [percent(share) for share in (None, 0, 0.5, 0.99999, 1, 1.2)] == [
        *("–", "0 %", "50 %", "99.9 %", "100 %", "120 %")
    ]
    assert [span(seconds) for seconds in (None, 0.04, 9.94, 59.7, 3599, 90_000)] == [
        *("–", "0.0 s", "9.9 s", "1 min", "1 h 0 min", "1 d 1 h")
    ]
    assert picture([0, 1, None, 7]) == "▁▂·█"
    assert picture([None, 0, 0]) == "·▁▁"
