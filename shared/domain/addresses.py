"""Which network addresses a webhook may be sent to: public unicast, and nothing that embeds anything else."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address

METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # Google, AWS, Azure and most others
            "169.254.170.2",  # AWS, containers
            "100.100.100.200",  # Alibaba
            "192.0.0.192",  # Oracle
            "168.63.129.16",  # Azure's wire server, in the middle of public space
            "fd00:ec2::254",  # AWS
            "fd20:ce::254",  # Google
        ),
    )
)

# Source: IANA special-purpose registries of IPv4 and IPv6, with what is deprecated.
_REFUSED_4 = {
    "0.0.0.0/8": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "carrier_nat",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link_local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "protocol",
    "192.52.193.0/24": "protocol",
    "192.88.99.0/24": "transition",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "protocol",
    "198.18.0.0/15": "benchmark",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
_REFUSED_6 = {
    "::/128": "unspecified",
    "::1/128": "loopback",
    "64:ff9b:1::/48": "transition",
    "100::/64": "discard",
    "2001::/32": "transition",
    "2001:db8::/32": "documentation",
    "2001::/23": "protocol",
    "2002::/16": "transition",
    "2620:4f:8000::/48": "protocol",
    "3fff::/20": "documentation",
    "5f00::/16": "protocol",
    "fc00::/7": "private",
    "fe80::/10": "link_local",
    "fec0::/10": "private",
    "ff00::/8": "multicast",
}
_NETWORKS_4 = tuple((IPv4Network(network), reason) for network, reason in _REFUSED_4.items())
_NETWORKS_6 = tuple((IPv6Network(network), reason) for network, reason in _REFUSED_6.items())
_UNICAST_6 = IPv6Network("2000::/3")

_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_IN_LOW_BITS = (
    _MAPPED,
    _NAT64,
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("::/96"),  # IPv4-compatible
    IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated
)
_6TO4 = ip_network("2002::/16")
_TEREDO = ip_network("2001::/32")
_ISATAP = 0x0000_5EFE
_UNIVERSAL_BIT = 0x0200_0000


def refusal(address: Address) -> str | None:
    """Why a webhook must not go to the address, as a stable word; None when it may.

    An address that embeds an IPv4 address is judged by that one first. Of those that embed a public one, only
    IPv4-mapped and NAT64 addresses are in use for reaching it; the others are refused as `transition`.
    """
    if address in METADATA:
        return "metadata"
    if isinstance(address, IPv4Address):
        return _listed(address, _NETWORKS_4) or (None if address.is_global else "special")
    if address in _UNSPECIFIC:
        return _listed(address, _NETWORKS_6)
    embedded = tuple(embedded_addresses(address))
    reason = next(filter(None, map(refusal, embedded)), None)
    if reason is not None:
        return reason
    if embedded:
        return None if address in _MAPPED or address in _NAT64 else "transition"
    return _listed(address, _NETWORKS_6) or (None if address in _UNICAST_6 and address.is_global else "special")


def embedded_addresses(address: IPv6Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address of any transition mechanism would lead to."""
    number = int(address)
    if any(address in network for network in _IN_LOW_BITS):
        yield IPv4Address(number & 0xFFFF_FFFF)
    if address in _6TO4:
        yield IPv4Address(number >> 80 & 0xFFFF_FFFF)
    if address in _TEREDO:
        yield IPv4Address(number >> 64 & 0xFFFF_FFFF)
        yield IPv4Address(~number & 0xFFFF_FFFF)
    if (number >> 32 & 0xFFFF_FFFF) & ~_UNIVERSAL_BIT == _ISATAP:
        yield IPv4Address(number & 0xFFFF_FFFF)


_UNSPECIFIC = (IPv6Address("::"), IPv6Address("::1"))


def _listed(address: Address, networks: tuple[tuple[IPv4Network | IPv6Network, str], ...]) -> str | None:
    return next((reason for network, reason in networks if address in network), None)
