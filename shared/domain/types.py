"""Which BigQuery types go into which Postgres types, and how each travels there."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal, get_args

from shared.domain import figures
from shared.domain.dataset import Column
from shared.domain.errors import InvalidRegistration
from shared.domain.figures import Kind
from shared.domain.matching import wire_of
from shared.domain.postgres_type import PostgresType

NulPolicy = Literal["strip", "reject", "quarantine"]
"""What is done about a NUL in text, which Postgres cannot store: removed, the task fails, or the row is put aside."""

MAX_NAME_BYTES = 63
_RESERVED = "refresh_slice"


@dataclass(frozen=True, kw_only=True)
class TargetColumn:
    """A column of the Postgres table."""

    name: str
    type: str
    """As `format_type()` writes it: `character varying(10)`, `timestamp with time zone`, `text[]`."""
    not_null: bool
    has_default: bool


@dataclass(frozen=True, kw_only=True)
class WireColumn:
    """A column on its way: computed in BigQuery, received as Arrow, staged in Postgres, cast when published."""

    name: str
    """Name of the target column."""
    source_type: str
    target_type: str
    staging_type: str
    not_null: bool
    nul_policy: NulPolicy
    kind: Kind
    repeated: bool
    """An array of `kind`."""
    expression: str
    """BigQuery expression of what travels, over `{c}`."""
    cast: str
    """Postgres expression of what is published, over `{c}`."""

    def wire_expression(self, column: str) -> str:
        """BigQuery expression of what travels; `column` is quoted."""
        return self.expression.format(c=column)

    def published(self, staged: str) -> str:
        """Postgres expression of exactly the target's type, typmod included, over the staged column (`s."name"`)."""
        return self.cast.format(c=staged)

    def figure_expressions(self, alias: str) -> dict[str, str]:
        """BigQuery aggregate expressions over the wire column, by figure name (see `figures`)."""
        return figures.expressions(self.kind, repeated=self.repeated, column=alias)


def match_column(*, table: str, source: Column, target: TargetColumn, nul_policy: str = "strip") -> WireColumn:
    """How the source column gets into the target column. InvalidRegistration when it cannot; it says what to change."""
    if nul_policy not in get_args(NulPolicy):
        raise InvalidRegistration(
            f"{table}: column {target.name} has NUL policy {nul_policy!r}; "
            f"choose one of {', '.join(get_args(NulPolicy))}"
        )
    if target.name == _RESERVED:
        raise InvalidRegistration(f"{table}: column {target.name} has a name that staging tables need; rename it")
    try:
        wire = wire_of(source.type, PostgresType.parse(target.type), target.type)
    except ValueError as error:
        raise InvalidRegistration(
            f"{table}: column {target.name} is {target.type}, which cannot hold {source.name} of BigQuery type "
            f"{source.type}: {error}"
        ) from error
    return WireColumn(
        name=target.name,
        source_type=source.type,
        target_type=target.type,
        staging_type=wire.staging_type,
        not_null=target.not_null,
        nul_policy=nul_policy,  # type: ignore[arg-type]
        kind=wire.kind,
        repeated=wire.repeated,
        expression=wire.expression,
        cast=wire.cast,
    )


def target_name(source_name: str) -> str:
    """The Postgres name of a BigQuery column: lower snake case, at most 63 bytes; a longer one ends in a hash of it."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", source_name)
    name = re.sub(r"\W", "_", words).lower()
    encoded = name.encode()
    if len(encoded) <= MAX_NAME_BYTES:
        return name
    digest = hashlib.sha256(source_name.encode()).hexdigest()[:8]
    return f"{encoded[: MAX_NAME_BYTES - 9].decode(errors='ignore')}_{digest}"
