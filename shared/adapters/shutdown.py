"""Whether the serving process has been told to end."""

from __future__ import annotations

import signal


class GunicornShutdown:
    """Asks the gunicorn worker, whose own SIGTERM handler is the only one that runs.

    gunicorn sets its handlers after the module was imported and serves requests off the main thread, so a handler of
    ours could be set neither before nor after. Its handler is a method of the worker, and the worker's `alive` goes
    False when it ran.
    """

    def requested(self) -> bool:
        worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
        return getattr(worker, "alive", True) is False
