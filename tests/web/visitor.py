"""Somebody in front of a browser, who notes whatever a page should not have done."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, expect

_EXPECTED = ("the server responded with a status of 4", "Response Status Error Code 4")
"""What the console says of answers that are no fault of the page."""
_GRAVE = ("serious", "critical")
_RULES = {"rules": {"target-size": {"enabled": True}}, "resultTypes": ["violations"]}
"""Beside axe's own choice: what is pressed is at least 24 pixels large, or has room around it."""
_WITHIN_MS = 10_000
_TOO_WIDE = """[...document.querySelectorAll("main *")]
    .filter((one) => one.getBoundingClientRect().right > window.innerWidth)
    .slice(0, 5).map((one) => one.outerHTML.slice(0, 200))"""
"""What sticks out of the window."""


class Visitor:
    """A browser of its own. `complaints`: errors in the console, and requests that leave the host."""

    def __init__(self, context: BrowserContext, site: str) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(_WITHIN_MS)
        expect.set_options(timeout=_WITHIN_MS)
        self.complaints: list[str] = []
        self._site = site
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script failed: {error}"))
        self.page.on("request", self._requested)

    def sign_in(self, token: str) -> None:
        """By the form, as people do."""
        self.page.goto("/sign-in")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def open(self, path: str) -> Page:
        """The page at a path, which has to be there."""
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status == 200, f"{path}: {answer.status}"
        return self.page

    def check_accessible(self) -> None:
        """Axe finds nothing serious on the page that is open, and nothing of it is wider than the window."""
        found = Axe().run(self.page, options=_RULES).response["violations"]
        grave = [_described(one) for one in found if one["impact"] in _GRAVE]
        assert grave == [], f"{self.page.url}: {grave}"
        self.check_width()

    def check_width(self) -> None:
        """Nothing of the page that is open is wider than the window."""
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert wide <= window, (
            f"{self.page.url} is {wide} wide in a window of {window}: {self.page.evaluate(_TOO_WIDE)}"
        )

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(text in message.text for text in _EXPECTED):
            self.complaints.append(f"{self.page.url}: {message.text}")

    def _requested(self, request: Request) -> None:
        if not request.url.startswith((self._site, "data:")):
            self.complaints.append(f"{self.page.url} asked for {request.url}")


def _described(violation: dict[str, Any]) -> str:
    return f"{violation['id']}: {', '.join(str(node['target']) for node in violation['nodes'][:3])}"
