"""Reads the next item while the last one is still being worked on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread

_END = object()


def read_ahead[T](items: Iterator[T]) -> Iterator[T]:
    """The same items, each fetched by a second thread while its predecessor is in use; at most one waits in memory.

    An error of `items` is raised where the item would have come. The thread ends when the consumer does.
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
            item = ready.get()
            if item is _END:
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        while thread.is_alive():
            with suppress(Empty):
                ready.get(timeout=0.05)


class _Failure:
    def __init__(self, error: BaseException) -> None:
        self.error = error
