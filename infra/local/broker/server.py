"""The broker as a server, in this process (tests) or in one of its own (`python -m infra.local.broker`)."""

from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import grpc

from infra.local.addresses import LOOPBACK
from infra.local.broker.book import Book
from infra.local.broker.faults import Faults
from infra.local.broker.push import Pusher
from infra.local.broker.service import Publisher, Subscriber

_CALLS_AT_ONCE = 64
_UNSHARED_PORT = [("grpc.so_reuseport", 0)]


class Broker:
    """Serves between start and stop, or as a context manager. `port` 0: a free one. `faults`: what goes wrong."""

    def __init__(self, *, host: str = LOOPBACK, port: int = 0, faults: Faults | None = None) -> None:
        self.book = Book(faults)
        self._pusher = Pusher(self.book)
        self._server = grpc.server(ThreadPoolExecutor(_CALLS_AT_ONCE, "broker"), options=_UNSHARED_PORT)
        self._server.add_generic_rpc_handlers((Publisher(self.book).handlers(), Subscriber(self.book).handlers()))
        self.address = f"{host}:{self._server.add_insecure_port(f'{host}:{port}')}"

    def start(self) -> None:
        self._server.start()
        self._pusher.start()

    def stop(self) -> None:
        """Cut what is on its way and answer nothing more."""
        self._pusher.stop()
        self._server.stop(grace=None).wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
