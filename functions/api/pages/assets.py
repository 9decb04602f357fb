"""Style, script and icon. Their address has a hash of their content, so browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, abort

STATIC = Path(__file__).parents[1] / "static"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"

routes = Blueprint("assets", __name__)


@routes.get("/assets/<digest>/<name>")
def asset(digest: str, name: str) -> Response:
    """One file, under the address that `address` gives it."""
    found = _files().get(name)
    if found is None or found[0] != digest:
        abort(404)
    return Response(
        found[1],
        content_type=f"{_KINDS[Path(name).suffix]}; charset=utf-8",
        headers={"Cache-Control": _FOREVER},
    )


def address(name: str) -> str:
    """Where a file is served."""
    return f"/assets/{_files()[name][0]}/{name}"


@cache
def _files() -> dict[str, tuple[str, bytes]]:
    contents = {file.name: file.read_bytes() for file in STATIC.iterdir() if file.suffix in _KINDS}
    return {name: (hashlib.sha256(content).hexdigest()[:16], content) for name, content in contents.items()}
