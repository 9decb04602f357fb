"""The page of the stack that `make serve` starts: by the link that it prints, through the function as it is served."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.support.stack import Up, up
from tests.web.visitor import Visitor

_LINES = 3


def test_the_link_that_is_printed_leads_in(browser: Browser, tmp_path: Path) -> None:
    with up(tmp_path / "env", "--empty") as stack:
        stack.wait_ready()
        site = stack.env["API_URL"]
        context = browser.new_context()
        visitor = Visitor(context, site)
        visitor.open(_link(stack))
        expect(visitor.page).to_have_url(f"{site}/")
        expect(visitor.page.get_by_role("heading", level=1)).to_contain_text("No table is refreshed yet")
        expect(visitor.page.get_by_text("local:operator")).to_be_visible()
        assert visitor.page.evaluate("typeof htmx") == "object", "scripts are served"
        context.close()
        assert visitor.complaints == []


def _link(stack: Up) -> str:
    assert stack.process.stdout is not None
    said = [stack.process.stdout.readline() for _ in range(_LINES)]
    (line,) = [one for one in said if one.startswith("web page: ")]
    return line.split()[2]
