"""Tables in outline, and as they are answered: what is read of each, and that nothing in a text takes it apart."""

from __future__ import annotations

import pytest

from functions.api.overview import Overview, Which, read_overview
from tests.api.conftest import Api
from tests.api.test_status import refreshed, table

LINES = 'one\ntwo\rthree\x0bfour\x1cfive\x85six\u2028seven\t"eight" \\n'


def state(api: Api, written: Which) -> Overview:
    """One table is well, one failed, one has never been refreshed."""
    api.plane.register("failed", "new", "well")
    refreshed(api, "well", hours_ago=1)
    refreshed(api, "failed", hours_ago=1, status="failed", error="test")
    return read_overview(written=written)


@pytest.mark.parametrize("written", ["notable", "all"])
def test_what_is_well_is_not_read_in_full(api: Api, written: Which) -> None:
    seen = state(api, written)
    assert [one.table for one in seen.tables] == ["public.failed", "public.new", "public.well"]
    assert [one.table for one in seen.notable()] == ["public.failed", "public.new"]
    assert len(seen.written) == (3 if written == "all" else 2)


def test_outlines_alone_do_not_pass_for_all_that_is_notable(api: Api) -> None:
    seen = state(api, "none")
    assert len(seen.tables) == 3
    with pytest.raises(AssertionError, match="none were asked for"):
        seen.notable()


def test_a_text_of_many_lines_is_one_tables(api: Api) -> None:
    api.plane.register("a", "b")
    for name in ("a", "b"):
        refreshed(api, name, hours_ago=1, status="failed", error=LINES)
    assert [table(api, name)["recent_error"] for name in ("a", "b")] == [LINES, LINES]
    assert [one.recent_error for one in read_overview(written="notable").notable()] == [LINES, LINES]


def test_outlines_say_what_the_answer_says(api: Api) -> None:
    outlines = {one.table: one for one in state(api, "none").tables}
    for answered in read_overview(written="all").notable():
        outline = outlines[answered.table]
        shared = [name for name in outline._fields if name not in ("is_notable", "is_busy", "last_run_id")]
        assert [getattr(outline, name) for name in shared] == [getattr(answered, name) for name in shared]
        assert outline.last_run_id == (answered.last_run_id and str(answered.last_run_id))
        assert outline.is_busy == (answered.progress is not None)
