"""Proofs of identity: local bearer tokens, Google-signed ID tokens, and the assertion of Identity-Aware Proxy.

Google's library checks signature, issuer, audience and time; here stands whom the proof must be for, and what role they
get.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol, cast

from shared.domain.errors import RetryLater
from shared.domain.identity import Identity, NotIdentified, NotPermitted, Role

IAP_HEADER = "X-Goog-IAP-JWT-Assertion"
_IAP_KEYS = "https://www.gstatic.com/iap/verify/public_key"
_IAP_ISSUER = "https://cloud.google.com/iap"
_GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v1/certs"
_GOOGLE_ISSUERS = ("accounts.google.com", "https://accounts.google.com")
_KEYS_SECONDS = 3600.0
_CLOCK_SKEW_SECONDS = 30


class Headers(Protocol):
    """Headers of a request, found whatever their case."""

    def get(self, key: str, /) -> str | None: ...


class Proofs(Protocol):
    """A way to tell who calls."""

    def identify(self, headers: Headers) -> Identity | None:
        """The caller; None when there is no proof of this kind. NotIdentified or NotPermitted for a bad one."""
        ...


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Which e-mail addresses have which role. An entry `@example.com` stands for all addresses of that domain."""

    operators: frozenset[str] = frozenset()
    viewers: frozenset[str] = frozenset()

    def of(self, email: str) -> Role:
        """The role of an address; NotPermitted when it has none."""
        names = {email.lower(), "@" + email.lower().rpartition("@")[2]}
        if names & self.operators:
            return Role.OPERATOR
        if names & self.viewers:
            return Role.VIEWER
        raise NotPermitted(f"{email} has no role here: add it to API_VIEWERS or API_OPERATORS")


class LocalTokens:
    """Bearer tokens of a stack on one machine, one a role, compared in constant time."""

    def __init__(self, tokens: Mapping[Role, str]) -> None:
        self._tokens = dict(tokens)

    def identify(self, headers: Headers) -> Identity | None:
        """See `Proofs`. A token that is none of these may be one of another kind."""
        token = bearer(headers)
        if token is None:
            return None
        same = [role for role, known in self._tokens.items() if hmac.compare_digest(token.encode(), known.encode())]
        return Identity(subject=f"local:{same[0]}", role=same[0]) if same else None


class GoogleTokens:
    """ID tokens that Google signed for `audience`, the service's own address."""

    def __init__(self, *, audience: str, roles: Roles, keys: Keys | None = None) -> None:
        self._audience = audience
        self._roles = roles
        self._keys = keys or Keys()

    def identify(self, headers: Headers) -> Identity | None:
        """See `Proofs`."""
        token = bearer(headers)
        if token is None:
            return None
        email = google_email(token, audience=self._audience, keys=self._keys)
        return Identity(subject=email, role=self._roles.of(email))


class IapAssertions:
    """The header that Identity-Aware Proxy adds, for `audience`, the backend service's name."""

    def __init__(self, *, audience: str, roles: Roles, keys: Keys | None = None) -> None:
        self._audience = audience
        self._roles = roles
        self._keys = keys or Keys()

    def identify(self, headers: Headers) -> Identity | None:
        """See `Proofs`."""
        token = headers.get(IAP_HEADER)
        if token is None:
            return None
        claims = _verified(token, audience=self._audience, keys=self._keys, url=_IAP_KEYS, issuers=(_IAP_ISSUER,))
        email = _email(claims)
        return Identity(subject=email, role=self._roles.of(email), ambient=True)


class PushTokens:
    """The token that Pub/Sub sends with a push, of the one service account that may."""

    def __init__(self, *, audience: str, service_account: str, keys: Keys | None = None) -> None:
        self._audience = audience
        self._service_account = service_account.lower()
        self._keys = keys or Keys()

    def check(self, headers: Headers) -> None:
        """Return for a push that is genuine; NotIdentified or NotPermitted say why one is not."""
        token = bearer(headers)
        if token is None:
            raise NotIdentified("there is no bearer token")
        email = google_email(token, audience=self._audience, keys=self._keys)
        if email.lower() != self._service_account:
            raise NotPermitted(f"{email} is not the account that messages are pushed by")


class Keys:
    """Public keys by address, fetched with Google's transport and kept for an hour.

    A `google.auth.transport.Request`: `fetch` does the calls, tests give one of their own.
    """

    def __init__(self, fetch: Any = None) -> None:
        self._fetch = fetch
        self._kept: dict[str, tuple[float, Any]] = {}
        self._lock = Lock()

    def __call__(self, url: str, **arguments: Any) -> Any:
        with self._lock:
            fetched_at, answer = self._kept.get(url, (0.0, None))
            if answer is None or time.monotonic() - fetched_at > _KEYS_SECONDS:
                answer = self._transport()(url, timeout=10, **arguments)
                if answer.status == 200:
                    self._kept[url] = (time.monotonic(), answer)
        return answer

    def forget(self, url: str, *, older_than: float) -> bool:
        """Drop the keys of an address if they are older than some seconds: the signer may have new ones."""
        with self._lock:
            fetched_at, _ = self._kept.get(url, (time.monotonic(), None))
            if time.monotonic() - fetched_at < older_than:
                return False
            return self._kept.pop(url, None) is not None

    def _transport(self) -> Any:
        if self._fetch is None:
            from google.auth.transport.requests import Request

            self._fetch = Request()
        return self._fetch


def bearer(headers: Headers) -> str | None:
    """The bearer token of a request; None without one. NotIdentified for another scheme."""
    value = headers.get("Authorization")
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotIdentified("the Authorization header is not 'Bearer <token>'")
    return token.strip()


def google_email(token: str, *, audience: str, keys: Keys) -> str:
    """The verified e-mail address in an ID token of Google's; NotIdentified says what is wrong with the token."""
    return _email(_verified(token, audience=audience, keys=keys, url=_GOOGLE_KEYS, issuers=_GOOGLE_ISSUERS))


def _email(claims: Mapping[str, Any]) -> str:
    email = claims.get("email")
    if not isinstance(email, str) or "@" not in email or claims.get("email_verified", True) is not True:
        raise NotIdentified("the token has no verified e-mail address")
    return email


def _verified(token: str, *, audience: str, keys: Keys, url: str, issuers: tuple[str, ...]) -> Mapping[str, Any]:
    from google.auth.exceptions import TransportError
    from google.oauth2 import id_token

    def verify() -> Mapping[str, Any]:
        claims: Mapping[str, Any] = id_token.verify_token(
            token, cast(Any, keys), audience=audience, certs_url=url, clock_skew_in_seconds=_CLOCK_SKEW_SECONDS
        )
        return claims

    try:
        try:
            claims = verify()
        except ValueError:
            if not keys.forget(url, older_than=60.0):
                raise
            claims = verify()
    except TransportError as error:
        raise RetryLater(
            f"the keys to check tokens with cannot be fetched: {error}", reason="keys_unavailable"
        ) from error
    except Exception as error:  # the library raises whatever a malformed token leads to
        raise NotIdentified(f"the token does not hold ({type(error).__name__})") from error
    if claims.get("iss") not in issuers:
        raise NotIdentified("the token is of another issuer")
    return claims
