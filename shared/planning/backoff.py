"""How long to wait before another try."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Exponential, with full jitter: a uniform share of a ceiling that doubles from `base` up to `cap` seconds."""

    base: float
    cap: float

    def delay(self, attempt: int, *, random: float, at_least: float = 0.0) -> float:
        """Seconds to wait after the `attempt`th try (from 1); `random` is uniform in [0, 1).

        `at_least` is a floor that the other side asked for; it may exceed the cap.
        """
        if attempt < 1:
            raise ValueError(f"attempts are counted from 1, not {attempt}")
        ceiling = min(self.cap, self.base * 2.0 ** min(attempt - 1, 62))
        return max(ceiling * random, at_least)
