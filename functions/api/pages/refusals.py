"""What the API refused of a search, in words for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BY_FIELD = {
    "table": "Write the table as schema.name, such as sqp.weekly_summary.",
    "run_id": "A run's id is a UUID, such as 7e0c2d1a-0000-4000-8000-000000000000.",
}


def plainly(problem: Mapping[str, Any]) -> str:
    """The problem at the field that it names; else as the API says it."""
    wrong = [one["field"] for one in problem.get("errors") or ()]
    return next((_BY_FIELD[name] for name in wrong if name in _BY_FIELD), str(problem["detail"]))
