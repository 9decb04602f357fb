"""Ask every component whether it is well, at the same time, and never wait longer than a limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Thread

import structlog

Check = Callable[[], str]
"""Returns a word on what was seen; raises when the component is not well."""
_log = structlog.get_logger()


class Unwell(Exception):
    """A component answers, and is not well; the message is for people."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What became of one check."""

    ok: bool
    detail: str
    duration_ms: int


class Probe:
    """One component's check in a thread of its own. One that hangs is not started again until it has come back."""

    def __init__(self, name: str, check: Check) -> None:
        self._name = name
        self._check = check
        self._under_way: _Attempt | None = None

    def start(self) -> None:
        """Begin, unless the last attempt still hangs."""
        if self._under_way is None or self._under_way.done.is_set():
            self._under_way = _Attempt(self._name, self._check)

    def finding(self, *, deadline: float) -> Finding:
        """The outcome, waited for until `deadline` (monotonic seconds)."""
        attempt = self._under_way
        assert attempt is not None, "started first"
        attempt.done.wait(max(0.0, deadline - time.monotonic()))
        return attempt.finding or Finding(
            ok=False, detail="did not answer in time", duration_ms=round((time.monotonic() - attempt.started) * 1000)
        )


class _Attempt:
    def __init__(self, name: str, check: Check) -> None:
        self.done = Event()
        self.finding: Finding | None = None
        self.started = time.monotonic()
        self._name = name
        self._check = check
        Thread(target=self._run, name=f"health {name}", daemon=True).start()

    def _run(self) -> None:
        try:
            ok, detail = True, self._check()
        except Unwell as error:
            ok, detail = False, str(error)
        except Exception as error:
            _log.warning("component_unwell", component=self._name, error=str(error))
            ok, detail = False, f"failed ({type(error).__name__}); the log has the cause"
        self.finding = Finding(ok=ok, detail=detail, duration_ms=round((time.monotonic() - self.started) * 1000))
        self.done.set()


def examine(probes: Mapping[str, Probe], *, seconds: float) -> dict[str, Finding]:
    """Every component's finding, after at most `seconds`."""
    for probe in probes.values():
        probe.start()
    deadline = time.monotonic() + seconds
    return {name: probe.finding(deadline=deadline) for name, probe in probes.items()}
