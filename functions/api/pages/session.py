"""A browser's session: the token that was signed in with, in a cookie that no script and no other site can use.

The service keeps nothing: the cookie holds the bearer token itself, which is checked anew with every request.
"""

from __future__ import annotations

import hmac
import secrets
from http import HTTPStatus

from flask import Request, Response, g, request

from functions.api.problems import Refused
from shared.domain.identity import Identity

FORM_FIELD = "form_token"
_SESSION = "refresh-session"
_FORM = "refresh-form"
_SESSION_SECONDS = 12 * 3600
_HOST_ONLY = "__Host-"
"""With this in front of its name, browsers take a cookie only over https, from this host itself, for all of it."""


def token_of(asked: Request) -> str | None:
    """The bearer token that the browser signed in with; None when it did not."""
    return asked.cookies.get(_name(_SESSION)) or None


def begin(response: Response, token: str) -> None:
    """Keep the token in the browser until it is closed, for twelve hours at most. Forms of before are none any more."""
    _set(response, _SESSION, token, seconds=_SESSION_SECONDS)
    _set(response, _FORM, _nonce(), seconds=None)


def end(response: Response) -> None:
    """Forget the token, and the forms that were made for it."""
    for name in (_SESSION, _FORM):
        response.delete_cookie(_name(name), secure=_secure(), httponly=True, samesite="Strict")


def form_token(identity: Identity | None) -> str:
    """What a form of this browser and this caller has to send along."""
    nonce = request.cookies.get(_name(_FORM))
    if not nonce:
        nonce = g.setdefault("new_form_nonce", _nonce())
    return _form_token(nonce, identity)


def keep_form_nonce(response: Response) -> Response:
    """Give the browser the cookie that its form tokens are made with, if it has none."""
    nonce = g.pop("new_form_nonce", None)
    if nonce is not None:
        _set(response, _FORM, nonce, seconds=None)
    return response


def check_form(identity: Identity | None) -> None:
    """Refuse a form that this service did not make for this browser and this caller."""
    nonce = request.cookies.get(_name(_FORM), "")
    given = request.form.get(FORM_FIELD, "")
    if not nonce or not hmac.compare_digest(given.encode(), _form_token(nonce, identity).encode()):
        raise Refused(
            HTTPStatus.FORBIDDEN, "form_expired", "This form was made for another session. Open the page again."
        )


def _nonce() -> str:
    return secrets.token_urlsafe(24)


def _form_token(nonce: str, identity: Identity | None) -> str:
    subject = "nobody" if identity is None else identity.subject
    return hmac.digest(nonce.encode(), subject.encode(), "sha256").hex()


def _set(response: Response, name: str, value: str, *, seconds: int | None) -> None:
    response.set_cookie(
        _name(name), value, max_age=seconds, path="/", secure=_secure(), httponly=True, samesite="Strict"
    )


def _name(name: str) -> str:
    return f"{_HOST_ONLY}{name}" if _secure() else name


def _secure() -> bool:
    """Whether the browser came over https; in the cloud that ends before this process."""
    return request.is_secure or request.headers.get("X-Forwarded-Proto", "").split(",")[0].strip() == "https"
