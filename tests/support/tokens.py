"""Tokens as Google signs them, by keys of the tests' own."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt
from google.auth.exceptions import TransportError

AUDIENCE = "https://refresh.example.com"
IAP_AUDIENCE = "/projects/1/global/backendServices/2"


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What a fetch of keys comes back with."""

    status: int
    data: bytes


class _Signing:
    _signer: Any

    def token(self, email: str | None = "ann@example.com", *, age: float = 0.0, **claims: Any) -> str:
        """A token that is right in all but what is said; `age` in seconds; a claim of None is left out."""
        issued = int(time.time() - age)
        body: dict[str, Any] = {
            "iss": "https://accounts.google.com",
            "aud": AUDIENCE,
            "sub": "1",
            "iat": issued,
            "exp": issued + 3600,
            "email": email,
            "email_verified": True,
        } | claims
        signed: bytes = jwt.encode(self._signer, {name: value for name, value in body.items() if value is not None})
        return signed.decode()


class Signer(_Signing):
    """Signs tokens, and publishes its certificate as Google does."""

    def __init__(self, key_id: str = "key-1") -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.key_id = key_id
        self._signer = crypt.RSASigner.from_string(
            self._key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            ),
            key_id,
        )

    @property
    def certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self._key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM).decode()


class EllipticSigner(_Signing):
    """Signs as Identity-Aware Proxy does: with ES256, and with a public key that stands in no certificate."""

    def __init__(self, key_id: str = "key-1") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.key_id = key_id
        private = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._signer = crypt.EsSigner.from_string(private, key_id)

    @property
    def public_key(self) -> str:
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return self._key.public_key().public_bytes(*form).decode()


@dataclass
class KeyServer:
    """Serves certificates, and counts how often it was asked."""

    certificates: dict[str, str]
    asked: list[str] = field(default_factory=list)
    _answer: str = "keys"

    def answer(self, what: str) -> None:
        """From now on: `keys`; `down`, by its status; `lost`, without any answer; `no keys`, but something else."""
        self._answer = what

    def __call__(self, url: str, **_: Any) -> Answered:
        self.asked.append(url)
        if self._answer == "lost":
            raise TransportError("nobody answers")
        data = b"<html>" if self._answer == "no keys" else json.dumps(self.certificates).encode()
        return Answered(status=503 if self._answer == "down" else 200, data=data)
