"""What is kept secret of an endpoint. Each secret opens only for the endpoint that it was sealed for."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from uuid import UUID

from shared.domain.errors import ConfigurationError
from shared.ports import SecretBox

_SECRET_BYTES = 32
_PREFIX = "whsec_"


@dataclass(frozen=True, kw_only=True)
class EndpointSecrets:
    """Seals and opens secrets of endpoints."""

    box: SecretBox

    def seal(self, endpoint_id: UUID, text: str) -> bytes:
        return self.box.seal(text.encode(), context=endpoint_id.bytes)

    def open(self, endpoint_id: UUID, sealed: bytes) -> str:
        """ConfigurationError when no configured key opens it."""
        return self.box.open(sealed, context=endpoint_id.bytes).decode()

    def reseal(self, endpoint_id: UUID, sealed: bytes | None) -> bytes | None:
        """The same, sealed with the newest key; None when no configured key opens it."""
        try:
            return None if sealed is None else self.seal(endpoint_id, self.open(endpoint_id, sealed))
        except ConfigurationError:
            return None


def new_secret() -> str:
    """A signing secret in the form of the Standard Webhooks specification."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
