"""A webhook receiver that may misbehave in any way: a server of bytes on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True, kw_only=True)
class Posted:
    """A request as it arrived."""

    line: str
    headers: dict[str, str]
    body: bytes
    server_name: str | None


type Behaviour = Callable[[socket.socket, Posted], object]


def answering(answer: bytes) -> Behaviour:
    """Send these bytes, and close."""
    return lambda connection, posted: connection.sendall(answer)


def status(code: int, *headers: str, body: bytes = b"") -> Behaviour:
    """A whole answer with this status."""
    lines = [f"HTTP/1.1 {code} Whatever", f"Content-Length: {len(body)}", *headers]
    return answering("\r\n".join([*lines, "", ""]).encode() + body)


class RawReceiver:
    """A context manager. `behave` may be replaced at any time; `closing` is set when the test is over, so that a
    behaviour that waits can wait for it."""

    def __init__(self, behave: Behaviour | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.behave = behave or answering(OK)
        self.requests: list[Posted] = []
        self.connections = 0
        self.closing = threading.Event()
        self._names: dict[int, str | None] = {}
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def url(self, host: str = "127.0.0.1", path: str = "/hook") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            secure = self._secured(connection)
            with secure:
                posted = _read(secure, self._names.get(id(secure)))
                if posted is not None:
                    self.requests.append(posted)
                    self.behave(secure, posted)

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self._tls is None:
            return connection
        secure = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._tls.sni_callback = lambda wrapped, name, _: self._names.update({id(wrapped): name})
        secure.do_handshake()
        return secure


def _read(connection: socket.socket, server_name: str | None) -> Posted | None:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65_536)
        if not more:
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
    while len(body) < int(headers.get("content-length", "0")):
        body += connection.recv(65_536)
    return Posted(line=line, headers=headers, body=body, server_name=server_name)
