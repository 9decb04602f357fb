"""Sign in with a token, by a form; or, on one machine, once by a link."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, redirect, request, url_for

from functions.api.access import anybody, signed_in
from functions.api.pages import session
from functions.api.pages.render import page
from shared import wiring
from shared.domain.identity import NotIdentified, NotPermitted

routes = Blueprint("sign_in", __name__)
_SEE_OTHER = 303


@routes.get("/sign-in")
def form() -> Response:
    """Where a token is asked for."""
    anybody()
    return page("sign_in.html", problem=None, go_on_to="/")


@routes.post("/sign-in")
def begin() -> Response:
    """Keep a token that holds, and go on to where the browser wanted to be."""
    token = request.form.get("token", "").strip()
    wanted = _own(request.form.get("go_on_to", "/"))
    try:
        if signed_in(token or None) is None:
            raise NotIdentified("it is not known here")
    except (NotIdentified, NotPermitted) as error:
        status = 403 if isinstance(error, NotPermitted) else 401
        return page("sign_in.html", status=status, problem={"detail": f"{error}"}, go_on_to=wanted, refused=True)
    response = _go(wanted)
    session.begin(response, token)
    return response


@routes.post("/sign-out")
def end() -> Response:
    """Forget the token."""
    response = _go(url_for("pages.sign_in.form"))
    session.end(response)
    return response


@routes.get("/sign-in/<code>")
def once(code: str) -> Response:
    """Sign in as the operator by the link that a local stack has printed. It works once."""
    token = wiring.settings().api_token
    if request.method != "GET" or token is None or not _takes_back(code):
        problem = {"detail": "The link has been used, or is of another stack. Sign in with the token."}
        return page("sign_in.html", status=401, problem=problem, go_on_to="/", refused=True)
    response = _go("/")
    session.begin(response, token.get_secret_value())
    return response


def _takes_back(code: str) -> bool:
    """Whether it is the code in the file, which is removed by that: of all who try, one succeeds."""
    file = wiring.settings().refresh_sign_in_file
    try:
        if file is None or not hmac.compare_digest(code.encode(), file.read_bytes().strip()):
            return False
        file.unlink()
    except FileNotFoundError:
        return False
    return True


def _go(where: str) -> Response:
    response = redirect(where, code=_SEE_OTHER)
    return Response(response.get_data(), status=_SEE_OTHER, headers=response.headers)


def _own(path: str) -> str:
    """The path if it is one of this service's, else its first page."""
    own = path.startswith("/") and not path.startswith(("//", "/\\", "/sign-")) and path.isprintable()
    return path if own else "/"
