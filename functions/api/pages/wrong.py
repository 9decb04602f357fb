"""What is wrong with a form, at the field that has to be changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_INVALID = 422


def by_field(
    problem: Mapping[str, Any],
    said: Mapping[str, str],
    of_kind: Mapping[str, str],
) -> dict[str, str]:
    """The API's problem by field of the form.

    `said`: the form's fields, each with what is said of a value that is none at all. `of_kind`: kind of problem to the
    field that it is about; any other is about the first.
    """
    if problem["status"] == _INVALID:
        parts = [part for one in problem.get("errors") or () for part in one["field"].split(".")]
        named = {name: said[name] for name in said if name in parts}
        if named:
            return named
    kind = problem["type"].rpartition(":")[2]
    return {of_kind.get(kind, next(iter(said))): problem["detail"]}
