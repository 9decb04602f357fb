"""Who may call: every request is identified before anything else is done, and limited."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from threading import Lock
from urllib.parse import urlsplit

import structlog
from flask import Flask, g, request

from functions.api.pages import session
from functions.api.problems import Refused
from shared import wiring
from shared.adapters.identity import Headers
from shared.domain.errors import RetryLater
from shared.domain.identity import Identity, NotIdentified, NotPermitted, Role

CALLER = "refresh.caller"
"""In the environment of a call that the page itself makes: who asked the page. No header can put it there."""
PAGES = "pages"
OPEN = frozenset({"pages.assets", "pages.sign_in"})
"""Blueprints for everybody: what a browser needs before it has signed in."""
_READS = {"GET", "HEAD", "OPTIONS"}
_MAX_CALLERS = 10_000
_log = structlog.get_logger()


class Bucket:
    """A token bucket a caller, in this process: `burst` calls at once, then `rate` a second.

    Several instances of the function each allow that much: it protects from a caller gone wild, it is no quota.
    """

    def __init__(self, *, rate: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._callers: dict[str, tuple[float, float]] = {}
        self._lock = Lock()

    def take(self, caller: str) -> float:
        """Take a token; the seconds to wait until there is one, 0.0 when it was taken."""
        with self._lock:
            now = self._now()
            tokens, at = self._callers.get(caller, (float(self._burst), now))
            tokens = min(self._burst, tokens + (now - at) * self._rate)
            if len(self._callers) >= _MAX_CALLERS and caller not in self._callers:
                self._callers.clear()
            self._callers[caller] = (tokens - 1 if tokens >= 1 else tokens, now)
            return 0.0 if tokens >= 1 else (1 - tokens) / self._rate


def guard(app: Flask, bucket: Bucket) -> None:
    """Let nothing through that is not identified, permitted and within the limit."""

    @app.before_request
    def check() -> None:
        if request.blueprint in OPEN:
            _limit(bucket, f"address {request.remote_addr}")
            return
        identity = _limited(bucket) if CALLER not in request.environ else request.environ[CALLER]
        reads = request.method in _READS
        if not identity.may(Role.VIEWER if reads else Role.OPERATOR):
            raise NotPermitted(f"{identity.subject} is a viewer; this needs the role operator")
        if identity.ambient and not reads and CALLER not in request.environ:
            check_same_origin()
        g.identity = identity


def caller() -> Identity:
    """Who calls."""
    identity: Identity = g.identity
    return identity


def anybody() -> Identity | None:
    """Who calls, on pages that are for everybody; None when that is not known."""
    if "identity" not in g:
        try:
            g.identity = identify()
        except (NotIdentified, NotPermitted):
            g.identity = None
    found: Identity | None = g.identity
    return found


def identify() -> Identity:
    """The caller by the first proof that holds; NotIdentified when there is none."""
    if not wiring.proofs():
        _log.error("no_identity_configured", remedy="set API_TOKEN, API_AUDIENCE or API_IAP_AUDIENCE")
    identity = _of_session() or _proven(request.headers)
    if identity is None:
        raise NotIdentified("there is none, or it is not known here")
    return identity


def for_people() -> bool:
    """Whether the path is a page's, or nobody's: of the API's calls, none."""
    return PAGES in request.blueprints or (request.blueprint is None and not request.path.startswith("/api/"))


def _of_session() -> Identity | None:
    """Whom the browser is signed in as: first of all, since a proxy in between may add a proof of its own."""
    token = session.token_of(request) if for_people() else None
    try:
        return signed_in(token)
    except NotIdentified:
        return None  # it has ended


def signed_in(token: str | None) -> Identity | None:
    """Whom a browser's session is of; NotIdentified or NotPermitted for a bad token."""
    identity = _proven({"Authorization": f"Bearer {token}"}) if token else None
    return None if identity is None else replace(identity, ambient=True)


def _proven(headers: Headers) -> Identity | None:
    found = (proof.identify(headers) for proof in wiring.proofs())
    return next((identity for identity in found if identity is not None), None)


def _limited(bucket: Bucket) -> Identity:
    """The caller, unless there were too many calls. Whoever is turned away counts by the address they come from."""
    try:
        identity = identify()
    except (NotIdentified, NotPermitted, RetryLater):
        _limit(bucket, f"address {request.remote_addr}")
        raise
    _limit(bucket, identity.subject)
    return identity


def _limit(bucket: Bucket, name: str) -> None:
    wait = bucket.take(name)
    if wait > 0:
        raise Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many requests; wait as Retry-After says.",
            headers={"Retry-After": str(max(1, math.ceil(wait)))},
        )


def check_same_origin() -> None:
    """A change that a browser vouches for by itself must come from our own page."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    own = site in ("same-origin", "none") if site else origin is not None and urlsplit(origin).netloc == request.host
    if not own:
        raise NotPermitted("a change must come from this service's own page")
