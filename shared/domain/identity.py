"""Who calls, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.errors import RefreshError


class Role(StrEnum):
    """An operator may do all that a viewer may."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """A caller whose proof was accepted."""

    subject: str
    """A stable name for the audit: an e-mail address, or `local:operator`."""
    role: Role
    ambient: bool = False
    """Proven by something that a browser sends along by itself, so a page of another site could make use of it."""

    def may(self, role: Role) -> bool:
        """Whether the caller may do what needs `role`."""
        return self.role is Role.OPERATOR or role is Role.VIEWER


class NotIdentified(RefreshError):
    """No proof of who calls, or none that holds; the message says what is wrong without repeating the proof."""


class NotPermitted(RefreshError):
    """It is known who calls, and they may not do this."""
