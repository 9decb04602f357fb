"""Whether each component is well."""

from __future__ import annotations

from typing import Literal

from functions.api.schemas.fields import Answer

type ComponentStatus = Literal["ok", "failing"]


class Component(Answer):
    """One component."""

    status: ComponentStatus
    detail: str
    duration_ms: int


class Components(Answer):
    """All of them."""

    database: Component
    bigquery: Component
    pubsub: Component
    sweep: Component


class Health(Answer):
    """The whole."""

    status: ComponentStatus
    components: Components
