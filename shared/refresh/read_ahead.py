"""Reads the next item while the last one is still being worked on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread

from shared.domain.errors import RetryLater

_END = object()
_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 120.0
_FAREWELL_SECONDS = 2.0


def read_ahead[T](items: Iterator[T], check: Callable[[], None], *, patience: float = _PATIENCE_SECONDS) -> Iterator[T]:
    """The same items, each fetched by a second thread while its predecessor is in use; at most one waits in memory.

    An error of `items` is raised where the item would have come. While none comes, `check` is called every half second
    and may raise; RetryLater after `patience` seconds. The thread ends when the consumer does, or, where a read hangs,
    when that returns.
    """
    ready: Queue[object] = Queue(maxsize=1)
    stopped = Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            with suppress(Full):
                ready.put(item, timeout=0.1)
                return True
        return False

    def fetch() -> None:
        try:
            for item in items:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:
            put(_Failure(error))

    thread = Thread(target=fetch, name="read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = _next(ready, check, patience)
            if item is _END:
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        with suppress(Empty):
            ready.get_nowait()
        thread.join(_FAREWELL_SECONDS)


def _next(ready: Queue[object], check: Callable[[], None], patience: float) -> object:
    for _ in range(max(1, round(patience / _LOOK_SECONDS))):
        try:
            return ready.get(timeout=_LOOK_SECONDS)
        except Empty:
            check()
    raise RetryLater(f"no data came for {patience:.0f} s", reason="bigquery_stalled")


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error
