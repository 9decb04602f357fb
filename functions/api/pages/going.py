"""Where a browser goes after a form: to a page that can be loaded again without doing anything again."""

from __future__ import annotations

from http import HTTPStatus

from flask import redirect
from werkzeug.wrappers import Response


def see_other(address: str) -> Response:
    """Go there with GET."""
    return redirect(address, code=HTTPStatus.SEE_OTHER)
