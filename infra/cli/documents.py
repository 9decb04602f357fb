"""Answers of the API, as the JSON that they are, and the paths to them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

Document = dict[str, Any]


def segment(text: str) -> str:
    """A part of a path."""
    return quote(text, safe="")
