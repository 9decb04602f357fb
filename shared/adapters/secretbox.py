"""Secrets at rest: AES-256-GCM, bound to what they belong to."""

from __future__ import annotations

import base64
import binascii
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.domain.errors import ConfigurationError

KEY_BYTES = 32
_NONCE_BYTES = 12
_FORMAT = b"\x01"


class AesSecretBox:
    """A `SecretBox`. `keys`: base64 of 32 bytes each, with commas between; the first seals, all of them open.

    To change the key, put the new one in front, and keep the old one for as long as something is sealed with it.
    """

    def __init__(self, keys: str) -> None:
        self._ciphers = [AESGCM(_key(one)) for one in keys.split(",")]

    def seal(self, secret: bytes, *, context: bytes) -> bytes:
        """See `ports.SecretBox`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORMAT + nonce + self._ciphers[0].encrypt(nonce, secret, context)

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """See `ports.SecretBox`."""
        nonce, text = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        for cipher in self._ciphers if sealed[:1] == _FORMAT else ():
            try:
                return cipher.decrypt(nonce, text, context)
            except (InvalidTag, ValueError):
                continue
        raise ConfigurationError(
            "a stored secret was sealed with a key that WEBHOOK_SECRET_KEY does not hold, or was moved or changed; "
            "add the key that it was sealed with after a comma, or rotate the secret"
        )


def new_key() -> str:
    """A key for WEBHOOK_SECRET_KEY."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            "wrong settings: WEBHOOK_SECRET_KEY: each key must be base64 of 32 random bytes (openssl rand -base64 32)"
        )
    return key
