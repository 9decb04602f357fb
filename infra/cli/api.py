"""Calls of the HTTP API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError

from infra.cli.credentials import Credentials
from infra.cli.documents import Document
from infra.cli.errors import refused, unreachable

_CONNECT_SECONDS = 10.0
_READ_SECONDS = 120.0
_SHOWN = 200


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A good answer: its JSON, the ETag for If-Match, and the server's time (None where it told none)."""

    status: int
    document: Document
    etag: str | None
    note: str | None
    """What could not be checked."""
    server_time: datetime | None


class Api:
    """The API at `url`. Every call raises CommandError when it is not answered well."""

    def __init__(self, url: str, credentials: Credentials) -> None:
        self.url = url.rstrip("/")
        self._credentials = credentials
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS), retries=False
        )

    def get(self, path: str, **query: Any) -> Answer:
        """Read. Parameters that are None are not sent."""
        return self._call("GET", path, query=query)

    def read(self, path: str, **query: Any) -> Document:
        """The document of a read."""
        return self.get(path, **query).document

    def send(self, method: str, path: str, body: Any = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Change something."""
        return self._call(method, path, body=body, headers=headers)

    def items(self, path: str, **query: Any) -> Iterator[Document]:
        """Everything of a list that pages by number."""
        page = 1
        while True:
            document = self.read(path, page=page, page_size=100, **query)
            yield from document["items"]
            if page >= document["pagination"]["pages"]:
                return
            page += 1

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        fields = [(name.removesuffix("_"), str(value)) for name, value in (query or {}).items() if value is not None]
        try:
            response = self._pool.request(
                method,
                self.url + "/api/refresh" + path,
                fields=fields if method == "GET" else None,
                body=None if body is None else json.dumps(body).encode(),
                headers={
                    **self._credentials.headers,
                    **({} if body is None else {"Content-Type": "application/json"}),
                    **(headers or {}),
                },
                redirect=False,
            )
        except (HTTPError, OSError) as error:
            raise unreachable(f"the API at {self.url} cannot be reached: {_reason(error)}") from error
        return self._answer(response)

    def _answer(self, response: urllib3.BaseHTTPResponse) -> Answer:
        try:
            document = json.loads(response.data)
        except ValueError:
            document = None
        kind = response.headers.get("Content-Type", "")
        if kind.startswith("application/problem+json") and isinstance(document, dict) and "status" in document:
            raise refused(document)
        if (response.status >= 300 and response.status != 503) or not isinstance(document, dict):
            raise unreachable(f"{self.url} does not answer as the API does: {_excerpt(response)}")
        date = response.headers.get("Date")
        return Answer(
            status=response.status,
            document=document,
            etag=response.headers.get("ETag"),
            note=response.headers.get("Refresh-Note"),
            server_time=parsedate_to_datetime(date) if date else None,
        )


def _reason(error: Exception) -> str:
    """What urllib3 says, without the connection that it says it of."""
    return str(error).rpartition(": ")[2] or type(error).__name__


def _excerpt(response: urllib3.BaseHTTPResponse) -> str:
    text = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", response.data.decode(errors="replace"), flags=re.DOTALL)
    return f"HTTP {response.status} {' '.join(text.split())[:_SHOWN]}".strip()
