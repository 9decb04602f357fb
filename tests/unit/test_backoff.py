import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.planning.backoff import Backoff

BACKOFF = Backoff(base=5.0, cap=300.0)


@given(attempt=st.integers(1, 10_000), random=st.floats(0, 1, exclude_max=True))
def test_a_delay_is_a_share_of_a_ceiling_that_doubles_up_to_the_cap(attempt: int, random: float) -> None:
    ceiling = min(300.0, 5.0 * 2 ** min(attempt - 1, 10))
    assert BACKOFF.delay(attempt, random=random) == pytest.approx(ceiling * random)


def test_the_whole_range_below_the_ceiling_is_used() -> None:
    assert BACKOFF.delay(3, random=0.0) == 0.0
    assert BACKOFF.delay(3, random=0.999) == pytest.approx(19.98)


def test_a_floor_asked_for_by_the_other_side_wins_even_over_the_cap() -> None:
    assert BACKOFF.delay(1, random=0.1, at_least=600.0) == 600.0


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="counted from 1"):
        BACKOFF.delay(0, random=0.5)
