"""A TCP proxy that loses connections when, and exactly where, a test says so."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock, Thread
from types import TracebackType
from typing import Self

from infra.local.addresses import LOOPBACK

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: closing sends a reset."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Cut the connection that sends `pattern`, or that sends it for the `nth` time over all connections.

    `after` more bytes still reach the server, None: neither they nor the pattern. `reply`: the server's answer is
    waited for and dropped, so what was asked for has happened.
    """

    pattern: bytes
    nth: int = 1
    after: int | None = 0
    reply: bool = False


class Proxy:
    """A context manager between clients and one server. One fault at a time; it strikes once."""

    def __init__(self, target: Callable[[], tuple[str, int]]) -> None:
        self._target = target
        self._listener = socket.create_server((LOOPBACK, 0))
        self._lock = Lock()
        self._pairs: set[_Pair] = set()
        self._fault: Fault | None = None
        self._seen = 0
        self.struck = False

    @property
    def port(self) -> int:
        """Where clients connect."""
        return int(self._listener.getsockname()[1])

    def arm(self, fault: Fault) -> None:
        """Let the fault strike as soon as its pattern comes by."""
        with self._lock:
            self._fault, self._seen, self.struck = fault, 0, False

    def disarm(self) -> None:
        """Let everything pass from now on."""
        with self._lock:
            self._fault = None

    def cut(self) -> None:
        """Reset every connection now."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            pair.reset()

    def __enter__(self) -> Self:
        Thread(target=self._accept, name="proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def strikes(self, data: bytes) -> Fault | None:
        """The fault, if these bytes of a client bring it about."""
        with self._lock:
            if self._fault is None or self._fault.pattern not in data:
                return None
            self._seen += 1
            if self._seen < self._fault.nth:
                return None
            fault, self._fault, self.struck = self._fault, None, True
            return fault

    def forget(self, pair: _Pair) -> None:
        """The pair is closed."""
        with self._lock:
            self._pairs.discard(pair)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target())
            except OSError:
                client.close()
                continue
            pair = _Pair(self, client, server)
            with self._lock:
                self._pairs.add(pair)
            pair.start()


class _Pair:
    """One client's connection and its own to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._left: int | None = None
        self._swallow = threading.Event()

    def start(self) -> None:
        for work in (self._upstream, self._downstream):
            Thread(target=work, name="proxy-pair", daemon=True).start()

    def reset(self) -> None:
        """Close both ways; neither side hears a farewell."""
        for end in (self._client, self._server):
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()
        self._proxy.forget(self)

    def _upstream(self) -> None:
        try:
            while data := self._client.recv(65_536):
                if not self._pass_on(data):
                    return
        except OSError:
            pass
        self.reset()

    def _pass_on(self, data: bytes) -> bool:
        """Send a client's bytes to the server; False when there is nothing more to pass on."""
        if self._left is None:
            fault = self._proxy.strikes(data)
            if fault is None:
                self._server.sendall(data)
                return True
            if fault.after is None:
                self.reset()
                return False
            if fault.reply:
                self._swallow.set()
                self._server.sendall(data)
                return True
            end = data.index(fault.pattern) + len(fault.pattern)
            self._server.sendall(data[:end])
            self._left, data = fault.after, data[end:]
        self._server.sendall(data[: self._left])
        self._left -= min(self._left, len(data))
        if self._left == 0:
            self.reset()
        return self._left > 0

    def _downstream(self) -> None:
        try:
            while data := self._server.recv(65_536):
                if self._swallow.is_set():
                    break
                self._client.sendall(data)
        except OSError:
            pass
        self.reset()
