"""The pages beside a page of a list, as a Link header (RFC 8288)."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from flask import request
from pydantic import BaseModel

from functions.api.schemas.fields import Pagination

_CURSORS = {"next_cursor": "cursor", "next": "after"}
"""Where an answer says how its list goes on, and the parameter that takes it."""


def page_links(answer: BaseModel) -> str:
    """Links to other pages of the list that the answer is a page of; empty where there are none."""
    pagination = getattr(answer, "pagination", None)
    if isinstance(pagination, Pagination):
        return ", ".join(f'<{_same_with("page", page)}>; rel="{name}"' for name, page in _pages(pagination).items())
    for field, parameter in _CURSORS.items():
        following = getattr(answer, field, None)
        if following is not None:
            return f'<{_same_with(parameter, following)}>; rel="next"'
    return ""


def _pages(found: Pagination) -> dict[str, int]:
    if not found.pages:
        return {}
    pages = {"first": 1, "last": found.pages}
    if found.page < found.pages:
        pages["next"] = found.page + 1
    if found.page > 1:
        pages["prev"] = min(found.page - 1, found.pages)
    return pages


def _same_with(name: str, value: object) -> str:
    """The request's own path and query with another value of one parameter."""
    query = request.args.to_dict() | {name: str(value)}
    return f"{quote(request.path)}?{urlencode(query)}"
