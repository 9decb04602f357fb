"""Pages of long lists, by number in the address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request


@dataclass(frozen=True, kw_only=True)
class Pages:
    """Where in a list a page stands, and the addresses of its neighbours."""

    page: int
    pages: int
    total: int
    previous: str | None
    next: str | None


def page_of[One](items: Sequence[One], *, size: int) -> tuple[Pages, Sequence[One]]:
    """The page of a list that the address asks for; the last one where it asks for more."""
    pages = max(1, -(-len(items) // size))
    number = min(asked_page(), pages)
    return _pages(number, pages, len(items)), items[(number - 1) * size : number * size]


def of_pagination(pagination: Mapping[str, Any]) -> Pages:
    """The same from a list's answer of the API."""
    return _pages(pagination["page"], max(1, pagination["pages"]), pagination["total"])


def asked_page() -> int:
    """The page's number in the address, from 1."""
    text = request.args.get("page", "1")
    return max(1, int(text)) if text.isdecimal() and len(text) < 7 else 1


def is_named(table: str, search: str) -> bool:
    """Whether a table's name has every word that is searched for."""
    return not search or all(word in table.lower() for word in search.lower().split())


def with_query(**changes: Any) -> str:
    """This page's address with other parameters; None takes one out."""
    query = request.args.to_dict() | changes
    kept = {name: value for name, value in query.items() if value not in (None, "")}
    return request.path + (f"?{urlencode(kept)}" if kept else "")


def _pages(number: int, pages: int, total: int) -> Pages:
    return Pages(
        page=number,
        pages=pages,
        total=total,
        previous=with_query(page=number - 1 if number > 2 else None) if number > 1 else None,
        next=with_query(page=number + 1) if number < pages else None,
    )
