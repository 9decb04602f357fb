"""The address of a database, as the driver's arguments."""

from __future__ import annotations

import ssl
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from shared.domain.errors import ConfigurationError

CONNECT_TIMEOUT_SECONDS = 10
_SSL_MODES = {"disable", "require", "verify-ca", "verify-full"}


def connection_arguments(database_url: str) -> dict[str, Any]:
    """pg8000's arguments for a `postgresql://user:password@host:port/database[?sslmode=…]` address.

    `sslmode` is disable, require (encrypted, unverified), verify-ca or verify-full (`sslrootcert` names a CA file);
    left out: disable on loopback, verify-full elsewhere. ConfigurationError names what is wrong, never the password.
    """
    parts = urlsplit(database_url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or len(parts.path) < 2:
        raise ConfigurationError("DATABASE_URL must be postgresql://user:password@host:port/database")
    options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    mode = options.pop("sslmode", "disable" if loopback else "verify-full")
    root_certificate = options.pop("sslrootcert", None)
    if mode not in _SSL_MODES or options:
        wrong = f"sslmode={mode}" if mode not in _SSL_MODES else ", ".join(sorted(options))
        raise ConfigurationError(
            f"DATABASE_URL: {wrong} is not supported; sslmode is one of {', '.join(sorted(_SSL_MODES))}"
        )
    return {
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password) if parts.password else None,
        "host": parts.hostname,
        "port": parts.port or 5432,
        "database": unquote(parts.path[1:]),
        "ssl_context": _ssl_context(mode, root_certificate),
        "timeout": CONNECT_TIMEOUT_SECONDS,
    }


def _ssl_context(mode: str, root_certificate: str | None) -> ssl.SSLContext | Literal[False]:
    if mode == "disable":
        return False  # None would ask the server for TLS, and read all trusted certificates for it
    context = ssl.create_default_context(cafile=root_certificate)
    if mode != "verify-full":
        context.check_hostname = False
    if mode == "require":
        context.verify_mode = ssl.CERT_NONE
    return context
