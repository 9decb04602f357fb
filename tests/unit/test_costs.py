"""What a query will bill, and whether the caps leave room for it."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from shared.domain.errors import Held
from shared.planning.costs import Caps, billed, usd

MB = 1024 * 1024


@pytest.mark.parametrize(
    ("processed", "bytes_billed"),
    [(0, 0), (1, 10 * MB), (10 * MB, 10 * MB), (10 * MB + 1, 11 * MB), (2**40, 2**40)],
)
def test_ten_megabytes_at_least_and_whole_ones(processed: int, bytes_billed: int) -> None:
    assert billed(processed) == bytes_billed


def test_the_price_of_a_tebibyte() -> None:
    assert usd(2**40, 6.25) == 6.25


@pytest.mark.parametrize(
    ("table", "everything", "cap"),
    [
        (100, None, None),
        (99, None, "table"),
        (None, 100, None),
        (None, 99, "all"),
        (99, 99, "table"),
        (None, None, None),
    ],
)
def test_a_day_is_spent_to_the_last_byte_and_no_further(
    table: int | None, everything: int | None, cap: str | None
) -> None:
    caps = Caps(table_per_day=table, all_per_day=everything)
    with pytest.raises(Held) if cap else nullcontext() as error:
        caps.check_day("public.t", 60, 6.25, of_table=40, of_all=40)
    if error is not None:
        assert error.value.reason == "cost_cap"
        assert error.value.details["cap"] == cap
        assert error.value.details["bytes_estimated"] == 60


def test_a_query_has_a_cap_of_its_own() -> None:
    Caps(query=60).check_query("public.t", 60, 6.25)
    with pytest.raises(Held, match="max_bytes_billed of the table"):
        Caps(query=59).check_query("public.t", 60, 6.25)


def test_what_is_left_is_the_smaller_rest() -> None:
    assert Caps().left(of_table=1, of_all=1) is None
    assert Caps(table_per_day=10, all_per_day=100).left(of_table=4, of_all=98) == 2
