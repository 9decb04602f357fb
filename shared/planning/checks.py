"""The checks that a registry row may ask for: their shape, and what they are in BigQuery's plan query."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.domain.definition import Definition
from shared.domain.errors import InvalidRegistration

type Outcome = Literal["warn", "hold", "off"]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\u0000]+$")]
Text = Annotated[str, Field(max_length=10_000, pattern=r"^[^\u0000]*$")]
Number = Annotated[float, Field(allow_inf_nan=False)] | int


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _needs_one(*names: str) -> ConfigDict:
    """Says in the JSON schema what the validator says: at least one of the fields has a value."""
    none: dict[str, Any] = {"properties": {name: {"type": "null"} for name in names}}
    return ConfigDict(json_schema_extra={"if": none, "then": {"not": {}}})


class NullShare(_Part):
    """At most this share of a scope's rows may have NULL."""

    max: Share
    outcome: Outcome = "hold"


class Range(_Part):
    """Least and greatest value, both allowed; NULL passes, NaN does not. Dates and times as ISO 8601 text."""

    model_config = _needs_one("min", "max")

    min: Number | Text | None = None
    max: Number | Text | None = None
    outcome: Outcome = "hold"

    @model_validator(mode="after")
    def _some_bound(self) -> Range:
        if self.min is None and self.max is None:
            raise ValueError("needs min or max")
        return self


class AllowedValues(_Part):
    """The values that there may be; NULL passes."""

    values: Annotated[
        list[bool | int | Annotated[str, Field(max_length=1000, pattern=r"^[^\u0000]*$")]],
        Field(min_length=1, max_length=500),
    ]
    outcome: Outcome = "hold"


class RowCount(_Part):
    """Rows of a scope against the median of the `history` scopes before it."""

    model_config = _needs_one("min_ratio", "max_ratio")

    min_ratio: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] | None = None
    max_ratio: Annotated[float, Field(ge=1, le=1_000_000, allow_inf_nan=False)] | None = None
    history: Annotated[int, Field(ge=1, le=1000)] = 12
    outcome: Outcome = "hold"

    @model_validator(mode="after")
    def _some_bound(self) -> RowCount:
        if self.min_ratio is None and self.max_ratio is None:
            raise ValueError("needs min_ratio or max_ratio")
        return self


class CustomSql(_Part):
    """One SELECT over `staged`, the rows about to be published, that must return no row."""

    sql: Annotated[str, Field(min_length=1, max_length=10_000, pattern=r"^[^\u0000]*\S[^\u0000]*$")]
    outcome: Outcome = "hold"


class Quarantine(_Part):
    """How many of a run's rows may be put into quarantine."""

    model_config = _needs_one("max_rows", "max_share")

    max_rows: Annotated[int, Field(ge=0)] | None = None
    max_share: Share | None = None
    outcome: Outcome = "hold"

    @model_validator(mode="after")
    def _some_bound(self) -> Quarantine:
        if self.max_rows is None and self.max_share is None:
            raise ValueError("needs max_rows or max_share")
        return self


class DatasetRule(_Part):
    """A check of a worker that knows its data, as the table changes it."""

    max: Share | None = None
    outcome: Outcome | None = None


class Checks(BaseModel):
    """The registry's `checks`. Further names are those of the checks that the table's worker brings."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    __pydantic_extra__: dict[str, DatasetRule]

    table_min_ratio: Share | None = None
    scope_min_ratio: Share | None = None
    scope_history: Annotated[int, Field(ge=1)] | None = None
    max_deleted_share: Share | None = None
    expected_days: Annotated[int, Field(ge=0, le=100_000)] | None = None
    stale_days: Annotated[int, Field(ge=0, le=100_000)] | None = None
    null_share: dict[Name, NullShare] = Field(default_factory=dict)
    range: dict[Name, Range] = Field(default_factory=dict)
    allowed_values: dict[Name, AllowedValues] = Field(default_factory=dict)
    row_count: RowCount | None = None
    custom_sql: dict[Name, CustomSql] = Field(default_factory=dict)
    quarantine: Quarantine | None = None
    verify: DatasetRule | None = None
    """Whether scheduled verifications leave the table out."""

    of_every_table: ClassVar[frozenset[str]] = frozenset()

    @property
    def judges_what_is_staged(self) -> bool:
        """Whether a check needs the rows to be staged."""
        custom = any(one.outcome != "off" for one in self.custom_sql.values())
        return custom or (self.quarantine is not None and self.quarantine.outcome != "off")


Checks.of_every_table = frozenset(Checks.model_fields)


def read_checks(definition: Definition) -> Checks:
    """The table's checks. InvalidRegistration for a shape that is wrong, or a check that nobody knows."""
    try:
        checks = Checks.model_validate(definition.checks)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise InvalidRegistration(f"{definition.table}: checks: {where}: {wrong['msg']}") from error
    unknown = sorted(checks.__pydantic_extra__ or {}) if definition.dataset is None else []
    if unknown:
        raise InvalidRegistration(
            f"{definition.table}: checks name {', '.join(unknown)}, which there is not; there are "
            f"{', '.join(sorted(Checks.of_every_table))}"
        )
    return checks
