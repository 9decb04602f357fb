"""Addresses that webhooks are posted to, as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from shared.domain.addresses import Address, refusal

_MAX_LENGTH = 2_000
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]*|[0-9]+)")
_PORTS = {"https": 443, "http": 80}
_FIRST_UNPRIVILEGED = 1024


@dataclass(frozen=True, kw_only=True)
class LoopbackReceivers:
    """Receivers on this machine that may be sent to all the same; there are none outside of tests and local stacks."""

    allowed: frozenset[tuple[Address, int | None]] = frozenset()
    """Address and port; port None: any."""

    @classmethod
    def parse(cls, text: str) -> LoopbackReceivers:
        """Read `127.0.0.1:8080, [::1]:*`; ValueError says what is wrong."""
        return cls(allowed=frozenset(_receiver(one.strip()) for one in text.split(",") if one.strip()))

    def holds(self, address: Address, port: int) -> bool:
        return (address, port) in self.allowed or (address, None) in self.allowed


NO_LOOPBACK = LoopbackReceivers()


@dataclass(frozen=True, kw_only=True)
class WebhookUrl:
    """A URL taken apart. Only `parse` makes one, so it is a legal target as far as can be seen without resolving."""

    scheme: str
    host: str
    """A name or an address; IPv6 without brackets."""
    port: int
    target: str
    """Path and query, as they go into the request line."""

    @property
    def authority(self) -> str:
        """What the Host header says: the port only where it is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str, *, loopback: LoopbackReceivers = NO_LOOPBACK) -> WebhookUrl:
        """ValueError says what is wrong with the URL, and what to write instead."""
        if len(text) > _MAX_LENGTH or not _PRINTABLE.fullmatch(text) or "\\" in text:
            raise ValueError(
                f"a webhook's URL has 1 to {_MAX_LENGTH} printable ASCII characters and no backslash; "
                "write other characters percent-encoded, and host names in punycode"
            )
        parts = urlsplit(text)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("a webhook's URL is https://host[:port]/path")
        if "@" in parts.netloc:
            raise ValueError("a webhook's URL must hold no user name or password: it is shown to others")
        if parts.fragment:
            raise ValueError("a webhook's URL has no fragment (#…): it would not be sent")
        port = _port(parts.port, parts.scheme)
        _check_host(parts.hostname, port, parts.scheme, loopback)
        query = f"?{parts.query}" if parts.query else ""
        return cls(scheme=parts.scheme, host=parts.hostname, port=port, target=(parts.path or "/") + query)


def _port(given: int | None, scheme: str) -> int:
    port = _PORTS[scheme] if given is None else given
    if port in _PORTS.values() or port >= _FIRST_UNPRIVILEGED:
        return port
    raise ValueError(f"port {port} is not one of webhooks: use 443, or one from {_FIRST_UNPRIVILEGED} on")


def _check_host(host: str, port: int, scheme: str, loopback: LoopbackReceivers) -> None:
    address = _literal(host)
    if address is not None and loopback.holds(address, port):
        return
    if scheme != "https" and not (address is None and loopback.allowed):
        raise ValueError("a webhook's URL must begin with https://, so that nobody reads or changes it on the way")
    if address is not None:
        reason = refusal(address)
        if reason is not None:
            raise ValueError(f"{host} is no public address ({reason}); webhooks go to public addresses only")
    elif not _NAME.fullmatch(host.removesuffix(".")) or _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
        raise ValueError(f"{host!r} is no host name; addresses are written like 192.0.2.1 or [2001:db8::1]")


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _receiver(text: str) -> tuple[Address, int | None]:
    host, colon, port = text.rpartition(":")
    address = _literal(host.removeprefix("[").removesuffix("]"))
    if not colon or address is None or not address.is_loopback or not (port == "*" or port.isdecimal()):
        raise ValueError(f"{text!r} is no loopback receiver; write 127.0.0.1:8080, or 127.0.0.1:* for every port")
    return address, None if port == "*" else int(port)
