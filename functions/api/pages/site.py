"""All pages together: what they share, and how a problem is shown to people."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, json, request

from functions.api.access import PAGES, anybody, check_same_origin, for_people
from functions.api.pages import (
    assets,
    audit,
    backfills,
    configuration,
    costs,
    dead_letters,
    holds,
    inspections,
    overview,
    quarantine,
    registration,
    render,
    rollback,
    runs,
    session,
    shadows,
    sign_in,
    tables,
    trigger,
    webhooks,
)
from functions.api.pages.calls import CallRefused
from functions.api.problems import MEDIA_TYPE

_SAFE = {"GET", "HEAD", "OPTIONS"}
pages = Blueprint(PAGES, __name__)
for part in (
    assets,
    sign_in,
    overview,
    trigger,
    runs,
    tables,
    registration,
    configuration,
    inspections,
    holds,
    rollback,
    backfills,
    costs,
    shadows,
    quarantine,
    webhooks,
    audit,
    dead_letters,
):
    pages.register_blueprint(part.routes)


def add_pages(app: Flask) -> None:
    """Serve the page from the application."""
    render.set_up(app)
    app.register_blueprint(pages)
    app.after_request(_for_people)


@pages.before_request
def check_forms() -> None:
    """Let no other site change anything: neither by a browser that is signed in, nor by signing it in."""
    if request.method not in _SAFE:
        check_same_origin()
        session.check_form(anybody())


@pages.errorhandler(CallRefused)
def refused(error: CallRefused) -> Response:
    """What the API refused, the page does."""
    return Response(json.dumps(error.reply.document), status=error.reply.status, mimetype=MEDIA_TYPE)


def _for_people(response: Response) -> Response:
    """A problem as a page, where a browser asked; 401 as the form to sign in."""
    if response.mimetype == MEDIA_TYPE and _asked_by_browser():
        anybody()
        problem = response.get_json()
        template = "sign_in.html" if response.status_code == 401 else "problem.html"
        shown = render.page(
            template,
            status=response.status_code,
            problem=problem,
            go_on_to=_place(),
            ended=session.token_of(request) is not None,
        )
        response.data = shown.data
        response.mimetype = "text/html"
    return session.keep_form_nonce(response)


def _place() -> str:
    """Where the browser is, if that can be asked for again."""
    rule = request.url_rule
    return request.full_path if rule is None or "GET" in (rule.methods or ()) else "/"


def _asked_by_browser() -> bool:
    if PAGES in request.blueprints:
        return True
    liked = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return for_people() and liked == "text/html"
