"""Proofs of identity: local bearer tokens, Google-signed ID tokens, and the assertion of Identity-Aware Proxy.

Google's library checks signature, issuer, audience and time; here stands whom the proof must be for, and what role they
get.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from threading import Lock
from typing import Any, Protocol, cast

import structlog
from google.auth.exceptions import TransportError

from shared.domain.errors import RetryLater
from shared.domain.identity import Identity, NotIdentified, NotPermitted, Role

IAP_HEADER = "X-Goog-IAP-JWT-Assertion"
_IAP_KEYS = "https://www.gstatic.com/iap/verify/public_key"
_IAP_ISSUER = "https://cloud.google.com/iap"
_GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v1/certs"
_GOOGLE_ISSUERS = ("accounts.google.com", "https://accounts.google.com")
_REMOVED = ".SIGNATURE_REMOVED_BY_GOOGLE"
"""What Cloud Run puts in a signature's place when its IAM has checked the token."""
_KEYS_SECONDS = 3600.0
_LONGEST_SECONDS = 24 * 3600.0
_FETCH_SECONDS = 5
_PAUSE_SECONDS = 5.0
_RENEW_SECONDS = 60.0
_CLOCK_SKEW_SECONDS = 30
_log = structlog.get_logger()


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
    """Which addresses have which role. An entry `@example.com` stands for all accounts that Google hosts there."""

    operators: frozenset[str] = frozenset()
    viewers: frozenset[str] = frozenset()

    def of(self, account: Account) -> Role:
        """The role of an account; NotPermitted when it has none."""
        domain = "@" + account.email.rpartition("@")[2]
        names = {account.email, domain} if account.is_hosted else {account.email}
        if names & self.operators:
            return Role.OPERATOR
        if names & self.viewers:
            return Role.VIEWER
        named = domain in self.operators | self.viewers
        why = f"; {domain} stands for accounts that Google hosts, and this is another one" if named else ""
        raise NotPermitted(f"{account.email} has no role here: add it to API_VIEWERS or API_OPERATORS{why}")


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
        account = google_account(token, audience=self._audience, keys=self._keys)
        return Identity(subject=account.email, role=self._roles.of(account))


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
        account = _account(claims)
        return Identity(subject=account.email, role=self._roles.of(account), ambient=True)


class PushTokens:
    """The token that Pub/Sub sends with a push, of a service account that may: each subscription has its own."""

    def __init__(self, *, audience: str, service_accounts: frozenset[str], keys: Keys | None = None) -> None:
        self._audience = audience
        self._service_accounts = service_accounts
        self._keys = keys or Keys()

    def check(self, headers: Headers) -> None:
        """Return for a push that is genuine; NotIdentified or NotPermitted say why one is not."""
        token = bearer(headers)
        if token is None:
            raise NotIdentified("there is no bearer token")
        account = google_account(token, audience=self._audience, keys=self._keys)
        if account.email not in self._service_accounts:
            raise NotPermitted(f"{account.email} is not the account that messages are pushed by")


class Keys:
    """Public keys by address, fetched with Google's transport and kept for an hour; for a day while nobody has newer
    ones, so that callers are not turned away because Google cannot be reached.

    A `google.auth.transport.Request`: `fetch` does the calls, tests give one of their own.
    """

    def __init__(self, fetch: Any = None, *, now: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._now = now
        self._kept: dict[str, _Kept] = {}
        self._fetching = Lock()

    def __call__(self, url: str, **arguments: Any) -> Any:
        kept = self._kept.get(url)
        if (kept is None or kept.due <= self._now()) and self._fetching.acquire(blocking=not (kept and kept.answer)):
            try:
                kept = self._kept.get(url)
                if kept is None or kept.due <= self._now():
                    kept = self._kept[url] = self._renewed(url, kept, arguments)
            finally:
                self._fetching.release()
        if kept is None or kept.answer is None:
            raise TransportError(f"there is no answer of {url}")
        return kept.answer

    def renew(self, url: str, *, older_than: float) -> bool:
        """Fetch the keys of an address anew at the next call, unless that was tried in the last `older_than` seconds:
        the signer may have new ones."""
        kept = self._kept.get(url)
        if kept is None or self._now() - kept.tried_at < older_than:
            return False
        self._kept[url] = replace(kept, due=self._now())
        return True

    def _renewed(self, url: str, kept: _Kept | None, arguments: Mapping[str, Any]) -> _Kept:
        answer = self._fetched(url, arguments)
        now = self._now()
        if answer is not None:
            return _Kept(answer=answer, fetched_at=now, tried_at=now, due=now + _KEYS_SECONDS)
        if kept is None or now - kept.fetched_at > _LONGEST_SECONDS:
            return _Kept(answer=None, fetched_at=now, tried_at=now, due=now + _PAUSE_SECONDS)
        return replace(kept, tried_at=now, due=now + _PAUSE_SECONDS)

    def _fetched(self, url: str, arguments: Mapping[str, Any]) -> Any:
        """The answer, if it is keys."""
        if self._fetch is None:
            from google.auth.transport.requests import Request

            self._fetch = Request()
        try:
            answer = self._fetch(url, timeout=_FETCH_SECONDS, **arguments)
            return answer if answer.status == HTTPStatus.OK and isinstance(json.loads(answer.data), dict) else None
        except (TransportError, ValueError) as error:
            _log.warning("keys_unavailable", url=url, error=str(error))
            return None


@dataclass(frozen=True, kw_only=True)
class _Kept:
    answer: Any
    """None: there are no keys."""
    fetched_at: float
    tried_at: float
    due: float
    """When to fetch anew."""


def bearer(headers: Headers) -> str | None:
    """The bearer token of a request; None without one. NotIdentified for another scheme."""
    value = headers.get("Authorization")
    if value is None:
        return None
    scheme, _, token = value.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotIdentified("the Authorization header is not 'Bearer <token>'")
    return token.strip()


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whom a token is of."""

    email: str
    """In lower case."""
    is_hosted: bool
    """Whether Google itself hosts the address. An account can be made with any other one, and whoever made it keeps it
    when the address has become somebody else's."""


def google_account(token: str, *, audience: str, keys: Keys) -> Account:
    """The account of an ID token of Google's; NotIdentified says what is wrong with the token."""
    claims = _verified(token, audience=audience, keys=keys, url=_GOOGLE_KEYS, issuers=_GOOGLE_ISSUERS)
    if claims.get("email_verified") is not True:
        raise NotIdentified("the token has no verified e-mail address")
    return _account(claims)


def _account(claims: Mapping[str, Any]) -> Account:
    email = claims.get("email")
    if not isinstance(email, str) or not email.isascii() or "@" not in email:
        raise NotIdentified("the token has no verified e-mail address")
    domain = email.lower().rpartition("@")[2]
    is_hosted = bool(claims.get("hd")) or domain == "gmail.com" or domain.endswith(".gserviceaccount.com")
    return Account(email=email.lower(), is_hosted=is_hosted)


def _verified(token: str, *, audience: str, keys: Keys, url: str, issuers: tuple[str, ...]) -> Mapping[str, Any]:
    from google.oauth2 import id_token

    if token.endswith(_REMOVED):
        raise NotIdentified("Cloud Run has taken its signature away: send it as X-Serverless-Authorization as well")

    def verify() -> Mapping[str, Any]:
        claims: Mapping[str, Any] = id_token.verify_token(
            token, cast(Any, keys), audience=audience, certs_url=url, clock_skew_in_seconds=_CLOCK_SKEW_SECONDS
        )
        return claims

    try:
        try:
            claims = verify()
        except ValueError:
            if not keys.renew(url, older_than=_RENEW_SECONDS):
                raise
            claims = verify()
        if claims.get("nbf", 0) > time.time() + _CLOCK_SKEW_SECONDS:
            raise NotIdentified("the token is not valid yet")
    except TransportError as error:
        raise RetryLater(
            f"the keys to check tokens with cannot be fetched: {error}", reason="keys_unavailable"
        ) from error
    except NotIdentified:
        raise
    except Exception as error:  # the library raises whatever a malformed token leads to
        raise NotIdentified(f"the token does not hold ({type(error).__name__})") from error
    if claims.get("iss") not in issuers:
        raise NotIdentified("the token is of another issuer")
    return claims
