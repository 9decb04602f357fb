"""Wait for what another process does, with a limit and a reason."""

import time
from collections.abc import Callable


def wait_for[T](look: Callable[[], T], what: str, *, timeout: float = 30) -> T:
    """Return the first truthy thing that `look()` gives; AssertionError naming `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"waited {timeout:.0f} s in vain for {what}"
        time.sleep(0.02)
