"""What a check of a delivery found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

HOLD = "hold"
WARN = "warn"


@dataclass(frozen=True, kw_only=True)
class CheckOutcome:
    """A row of refresh_data_quality."""

    metric: str
    scope: str | None
    """The scope value that was judged; None also where the table was judged as one."""
    value: float | None
    threshold: float | None
    outcome: str
    """What follows when it did not pass: `warn` or `hold`."""
    passed: bool
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether it keeps something from being published."""
        return not self.passed and self.outcome == HOLD

    def released(self, run_id: UUID) -> CheckOutcome:
        """The same finding, which somebody has seen in that run and decided to publish all the same."""
        return replace(self, details={**self.details, "released_from": str(run_id)})
