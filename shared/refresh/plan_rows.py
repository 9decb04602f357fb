"""A plan's scopes and slices as the statements take them: JSON records."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from shared.planning.scopes import PlannedScope
from shared.planning.slices import PlannedSlice


def scopes_json(scopes: Iterable[PlannedScope], slices: Sequence[PlannedSlice]) -> str:
    """Scopes with the number of the slice that each is in."""
    numbers = {value: one.number for one in slices for value in one.scopes}
    return json.dumps(
        [
            {
                "scope": scope.value,
                "action": str(scope.action),
                "fingerprint": scope.fingerprint,
                "published_fingerprint": scope.published_fingerprint,
                "rows": scope.rows,
                "rows_read": scope.rows_read,
                "published_rows": scope.published_rows,
                "slice_no": numbers.get(scope.value),
                "figures": scope.figures,
            }
            for scope in scopes
        ]
    )


def slices_json(slices: Iterable[PlannedSlice]) -> str:
    """Slices with their expected rows and figures."""
    return json.dumps(
        [
            {
                "slice_no": one.number,
                "scopes": one.scopes,
                "rows": one.rows,
                "rows_read": one.rows_read,
                "figures": one.figures,
            }
            for one in slices
        ]
    )
