"""Whether each component is well."""

from __future__ import annotations

from typing import Literal

from functions.api.schemas.fields import Answer


class Component(Answer):
    """One component."""

    status: Literal["ok", "failing"]
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

    status: Literal["ok", "failing"]
    components: Components
