"""The page in a real browser, on the real application with a real database; BigQuery, Pub/Sub and workers are fakes.

REFRESH_TEST_BROWSER: the Chromium or Chrome to drive; unset: the first that is found. Without any, these tests skip.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from werkzeug.serving import make_server

from infra.local.addresses import LOOPBACK
from tests.api.conftest import OPERATOR, Api, api, plane
from tests.web.visitor import Visitor

__all__ = ["api", "plane"]
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
Visit = Callable[..., Visitor]


def find_browser() -> str | None:
    """The program to drive."""
    chosen = os.environ.get("REFRESH_TEST_BROWSER")
    return chosen or next(filter(None, map(shutil.which, _BROWSERS)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for the session. As root it has no sandbox, which it then refuses to make."""
    program = find_browser()
    if program is None:
        pytest.skip("no Chromium or Chrome is installed: infra/setup/browser.sh tells how")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def site(api: Api) -> Iterator[str]:
    """The address of the running application."""
    server = make_server(LOOPBACK, 0, api.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, name="site")
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def visit(browser: Browser, site: str) -> Iterator[Visit]:
    """Opens browsers of visitors, signed in as the operator unless said otherwise; at the end, none has complaints."""
    visitors: list[Visitor] = []
    contexts: list[BrowserContext] = []

    def open_browser(*, token: str | None = OPERATOR, width: int = 1440, scheme: str = "light") -> Visitor:
        context = browser.new_context(
            base_url=site,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",
        )
        contexts.append(context)
        visitor = Visitor(context, site)
        visitors.append(visitor)
        if token is not None:
            visitor.sign_in(token)
        return visitor

    yield open_browser
    for context in contexts:
        context.close()
    assert [complaint for visitor in visitors for complaint in visitor.complaints] == []
