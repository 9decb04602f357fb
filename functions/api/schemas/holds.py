"""Decisions about what is held."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from functions.api.schemas.fields import Answer, Body, Plain

HeldRun = Annotated[
    UUID | None, Field(strict=False, description="The run that was held; absent: the latest of the table.")
]


class ReleaseRequest(Body):
    """What to release."""

    run_id: HeldRun = None


class RefusalRequest(Body):
    """What to refuse, and why."""

    run_id: HeldRun = None
    reason: Annotated[
        Plain,
        Field(
            min_length=1,
            max_length=2000,
            pattern=r"^[^\u0000]*[^\s\u0000][^\u0000]*$",
            description="What is wrong with it, for the trail.",
        ),
    ]


class Refusal(Answer):
    """It stays held whenever it comes again."""

    table: str
    scopes: int = Field(description="Scopes whose content is refused.")
