"""Conditional requests (RFC 9110, section 13): nobody's change is lost, and what is known is not sent again."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import request

from functions.api.problems import Refused


def etag(version: object) -> dict[str, str]:
    """The header that names a version."""
    return {"ETag": f'"{version}"'}


def matched[Version](current: Callable[[], Version]) -> Version | None:
    """The version that If-Match lets be changed, which is the one of now; None where any may be.

    A version that was not the one of now is refused. One that is lost later has to be noticed by the change itself.
    """
    if "If-Match" not in request.headers or request.if_match.star_tag:
        return None
    version = current()
    if not request.if_match.is_strong(str(version)):
        raise precondition_failed("It was changed since it was read. Read it again.", version)
    return version


def precondition_failed(detail: str, current: object) -> Refused:
    """Somebody else has changed it meanwhile; the header has the version of now."""
    return Refused(HTTPStatus.PRECONDITION_FAILED, "version_lost", detail, headers=etag(current))


def not_modified(tag: str | None) -> bool:
    """Whether the caller has just this already."""
    return tag is not None and request.method in ("GET", "HEAD") and request.if_none_match.contains_weak(tag.strip('"'))
