"""Connections to the outside that cannot be led inside: resolve once, check every address, dial a checked one.

The socket that comes back keeps one deadline for everything that is done with it, and one limit for all that it reads,
so that neither a dripping nor an endless answer holds anybody up.
"""

from __future__ import annotations

import io
import socket
import ssl
import threading
import time
from collections.abc import Callable
from ipaddress import ip_address
from queue import Empty, SimpleQueue

from shared.domain.addresses import Address, refusal
from shared.domain.errors import NotSent
from shared.domain.webhook_url import NO_LOOPBACK, LoopbackReceivers

Resolver = Callable[[str, int], list[str]]
Connect = Callable[[tuple[str, int], float], socket.socket]

_CONNECT_SECONDS = 5.0
_ADDRESSES_TRIED = 3


def system_resolver(host: str, port: int) -> list[str]:
    """The addresses of a name, in the order in which they should be tried; OSError when there are none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Deadline:
    """A moment in this process's time that everything has to be done by. `seconds` from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def remaining(self, *, at_most: float = float("inf")) -> float:
        """Seconds left. NotSent (`timeout`) when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise NotSent("no complete answer within the time limit", reason="timeout")
        return min(left, at_most)

    def shorten(self, seconds: float) -> None:
        """From now on it is at most this many seconds away."""
        self._end = min(self._end, time.monotonic() + seconds)


class Egress:
    """Dials public addresses. `loopback`: receivers on this machine that are allowed all the same."""

    def __init__(
        self,
        *,
        resolver: Resolver = system_resolver,
        connect: Connect = socket.create_connection,
        loopback: LoopbackReceivers = NO_LOOPBACK,
    ) -> None:
        self.loopback = loopback
        self._resolver = resolver
        self._connect = connect

    def dial(self, host: str, port: int, deadline: Deadline) -> socket.socket:
        """A connection to one of the host's addresses, all of which are public. NotSent says what is wrong."""
        addresses = self._addresses(host, port, deadline)
        for address in addresses:
            self._check(host, address, port)
        failure: OSError | None = None
        for address in addresses[:_ADDRESSES_TRIED]:
            try:
                return self._connect((str(address), port), deadline.remaining(at_most=_CONNECT_SECONDS))
            except OSError as error:
                failure = error
        raise NotSent(f"{host}, port {port}: {failure}", reason="connect") from failure

    def _check(self, host: str, address: Address, port: int) -> None:
        if self.loopback.holds(address, port):
            return
        reason = refusal(address)
        if reason is not None:
            raise NotSent(f"{host} is at {address}, which is no public address ({reason})", reason="egress")

    def _addresses(self, host: str, port: int, deadline: Deadline) -> list[Address]:
        answer = _in_time(lambda: self._resolver(host, port), deadline, host)
        if isinstance(answer, Exception):
            raise NotSent(f"{host} does not resolve ({answer})", reason="dns") from answer
        if not answer:
            raise NotSent(f"{host} has no address", reason="dns")
        return [ip_address(one) for one in answer]


def _in_time(ask: Callable[[], list[str]], deadline: Deadline, host: str) -> list[str] | Exception:
    """The answer of a resolver, which knows no time limit of its own: one that hangs is left behind."""
    answers: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def run() -> None:
        try:
            answers.put(ask())
        except (OSError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=run, name="resolve", daemon=True).start()
    try:
        return answers.get(timeout=deadline.remaining())
    except Empty:
        raise NotSent(f"{host} was not resolved within the time limit", reason="timeout") from None


class BoundedSocket:
    """What `http.client` needs of a socket: all within the deadline, and no more than `limit` bytes read."""

    def __init__(self, raw: socket.socket, deadline: Deadline, *, limit: int) -> None:
        self._raw = raw
        self._deadline = deadline
        self._limit = limit

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS, with a certificate for the host. NotSent (`tls`) when there is none."""
        self._raw.settimeout(self._deadline.remaining())
        try:
            self._raw = context.wrap_socket(self._raw, server_hostname=host)
        except TimeoutError:
            raise NotSent("no TLS handshake within the time limit", reason="timeout") from None
        except (ssl.SSLError, OSError) as error:
            raise NotSent(f"{host}: {error}", reason="tls") from error

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            self._raw.settimeout(self._deadline.remaining())
            view = view[self._raw.send(view) :]

    def receive_into(self, buffer: memoryview) -> int:
        self._raw.settimeout(self._deadline.remaining())
        received = self._raw.recv_into(buffer, min(len(buffer), self._limit + 1))
        self._limit -= received
        if self._limit < 0:
            raise NotSent("the answer's head is too long", reason="protocol")
        return received

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Nothing: `http.client` closes before it has read the answer, and leaves that to the operating system."""

    def shut(self) -> None:
        """Close the connection."""
        self._raw.close()


class _Reader(io.RawIOBase):
    def __init__(self, source: BoundedSocket) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._source.receive_into(memoryview(buffer))
