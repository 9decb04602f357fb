"""The page's own calls of the API: what it shows and does is what every other client may, by the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote

from flask import Flask, current_app, json, request
from werkzeug.datastructures import Headers
from werkzeug.routing import Rule
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from functions.api.access import CALLER, caller


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer of the API."""

    status: int
    document: Any
    headers: Headers

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def etag(self) -> str:
        return self.headers.get("ETag", "*")


class CallRefused(Exception):
    """The API answered a problem, which the page shows as it is."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.document["detail"])
        self.reply = reply


def read(path: str, /, **query: Any) -> Any:
    """The document that a GET answers; CallRefused for a problem."""
    reply = send("GET", path, query=query)
    if not reply.ok:
        raise CallRefused(reply)
    return reply.document


def send(
    method: str,
    path: str,
    /,
    *,
    body: Any = None,
    query: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Make a call as the caller of the page, and return whatever is answered."""
    given = {name: value for name, value in (query or {}).items() if value not in (None, "")}
    builder = EnvironBuilder(
        path=path,
        method=method,
        query_string=given,
        headers=Headers(dict(headers or {})),
        json=body,
        base_url=request.host_url,
    )
    environ = builder.get_environ() | {CALLER: caller()}
    response = Response.from_app(current_app.wsgi_app, environ)
    return Reply(status=response.status_code, document=json.loads(response.get_data()), headers=response.headers)


def api(*parts: Any) -> str:
    """The path of a call, its parts quoted."""
    return "/api/refresh/" + "/".join(quote(str(part), safe="") for part in parts)


def offers(method: str, path: str) -> bool:
    """Whether the API has such a call; `path` is written with <> for each variable part."""
    return (method, path) in _calls(current_app._get_current_object())  # type: ignore[attr-defined]


@cache
def _calls(app: Flask) -> frozenset[tuple[str, str]]:
    return frozenset((method, _plain(rule)) for rule in app.url_map.iter_rules() for method in rule.methods or ())


def _plain(rule: Rule) -> str:
    """A rule's path without names and kinds of its variable parts."""
    return "/".join("<>" if part.startswith("<") else part for part in rule.rule.split("/"))
