"""How tables are refreshed, and changes of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue

from functions.api.schemas.fields import Answer, Body, Handler, Paged, Pagination, Plain, TableMode, TableText
from shared.planning.checks import Checks

type Strategy = Literal["merge", "append", "replace"]
type NulPolicy = Literal["strip", "reject", "quarantine"]
type DependencyKind = Literal["hard", "soft"]
type DriftKind = Literal["added", "dropped", "renamed", "widened", "narrowed", "retyped", "nullability"]
type DriftPolicy = Literal["evolve", "ignore", "hold"]
Name = Annotated[str, Field(pattern=r"^[^\u0000]+$", max_length=300)]
LEFT_OUT: Any = None
"""Default of fields that may be left out and are never null."""
Tolerance = dict[Literal["absolute", "relative", "ignore"], float | bool]


@dataclass(frozen=True)
class _DescribedAs:
    """What is answered as it stands in the database, where the document has the model that it was read by."""

    model: type[BaseModel]

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self.model.__pydantic_core_schema__)


class TableConfiguration(Answer):
    """How a table is refreshed."""

    table: str
    config_version: int
    created_at: datetime
    handler: Handler
    source: str | None = Field(description="BigQuery table or view, project.dataset.table, or a named SQL, sql:name.")
    column_map: dict[str, str | None] = Field(description="Source column to target column; null leaves a column out.")
    key_columns: list[str]
    scope_column: str | None = Field(description="Target column whose values are planned, compared, published apart.")
    scope_bucket: str | None = Field(description="day, week, month or hash:N.")
    strategy: Strategy
    mode: TableMode
    priority: int
    frequency_hours: int
    lookback: int | None = Field(description="Days before the snapshot to scan; null scans everything.")
    slice_target_rows: int
    parallelism: int
    max_bytes_billed: int | None
    checks: Annotated[dict[str, Any], _DescribedAs(Checks)]
    nul_policies: dict[str, NulPolicy]
    loaded_at_column: str | None
    rollback_publishes: int = Field(description="How many of the last publishes can be taken back; 0 keeps nothing.")
    drift_policies: dict[DriftKind, DriftPolicy] = Field(description="Kind of change at the source to what is done.")
    max_bytes_billed_per_day: int | None = Field(description="Cap for all BigQuery jobs of the table in a day (UTC).")
    shadow_clean_days: int = Field(description="Clean days in a row that a promotion needs.")
    shadow_tolerances: dict[str, Tolerance] = Field(description="Target column to how far its values may be apart.")
    publish_group: str | None = Field(description="Tables with the same one are published together, or none of them.")
    depends_on: dict[str, DependencyKind]


def _without_unset(schema: dict[str, Any]) -> None:
    """A field that may be left out has no default: leaving it out changes nothing."""
    for described in schema.get("properties", {}).values():
        if described.get("default", ...) is None:
            del described["default"]


class DecidedFields(Body):
    """Fields that people decide. Those that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra=_without_unset)

    handler: Handler = Field(default=LEFT_OUT)
    source: Name | None = None
    column_map: dict[Name, Name | None] = Field(default=LEFT_OUT, max_length=10_000)
    key_columns: list[Name] = Field(default=LEFT_OUT, max_length=100)
    scope_column: Name | None = None
    scope_bucket: Annotated[str, Field(pattern=r"^(day|week|month|hash:[1-9][0-9]{0,3})$")] | None = None
    strategy: Strategy = Field(default=LEFT_OUT)
    mode: TableMode = Field(default=LEFT_OUT)
    priority: int = Field(default=LEFT_OUT, ge=0, le=1000)
    frequency_hours: int = Field(default=LEFT_OUT, ge=1, le=168)
    lookback: Annotated[int, Field(ge=1, le=100_000)] | None = None
    slice_target_rows: int = Field(default=LEFT_OUT, ge=1, le=100_000_000)
    parallelism: int = Field(default=LEFT_OUT, ge=1, le=32)
    max_bytes_billed: Annotated[int, Field(ge=1, le=2**62)] | None = None
    checks: Checks = Field(default=LEFT_OUT)
    nul_policies: dict[Name, NulPolicy] = Field(default=LEFT_OUT, max_length=10_000)
    loaded_at_column: Name | None = None
    rollback_publishes: int = Field(default=LEFT_OUT, ge=0, le=1000)
    drift_policies: dict[DriftKind, DriftPolicy] = Field(default=LEFT_OUT)
    max_bytes_billed_per_day: Annotated[int, Field(ge=1, le=2**62)] | None = None
    shadow_clean_days: int = Field(default=LEFT_OUT, ge=1, le=365)
    shadow_tolerances: dict[Name, Tolerance] = Field(default=LEFT_OUT, max_length=10_000)
    publish_group: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")] | None = None
    depends_on: dict[TableText, DependencyKind] = Field(default=LEFT_OUT, max_length=1000)

    def given(self) -> dict[str, Any]:
        """The registry's fields that were sent."""
        own = set(DecidedFields.model_fields) - {"depends_on"}
        return self.model_dump(include=own, exclude_unset=True, mode="json")


class ConfigurationChange(DecidedFields):
    """Fields to change. A whole answer of GET can be sent back; `table` has to be its own then."""

    table: TableText = Field(default=LEFT_OUT)
    config_version: int = Field(default=LEFT_OUT, description="Not looked at: If-Match is.")
    created_at: Plain = Field(default=LEFT_OUT, description="Not looked at.")


class ConfigurationChanges(Body):
    """Changes of several tables, made all or none."""

    tables: dict[TableText, ConfigurationChange] = Field(min_length=1, max_length=100)


class ConfigurationsQuery(Paged):
    """A page of tables, by name."""


class Configurations(Answer):
    """Tables as they are configured. Schedule and time zone are settings of the service, and cannot be changed here."""

    schedule: str
    time_zone: str
    items: list[TableConfiguration]
    pagination: Pagination


class ConfigurationPreview(Answer):
    """What the next refresh would do because of a change, if the source stays as it is. Nothing was changed."""

    table: str
    checked_against_source: bool = Field(
        description="False for materialized views, and workers with a query of their own."
    )
    ignored_columns: list[str] = Field(description="Source columns that no target column takes.")
    scopes_published: int
    rows_published: int
    scopes_read_anew: int | None = Field(
        description="Scopes that the change has read again, whether changed or not, within the lookback. Null: only "
        "the table's worker knows, when it plans (materialized views, queries of a worker's own, shadows)."
    )
    rows_read_anew: int | None
    slices: int | None


class Basis(Answer):
    """What suggestions go by: the last two weeks."""

    refreshes: int
    rows_per_second: float | None
    largest_rows: int | None
    largest_bytes: int | None
    largest_day_bytes: int | None


class SizeSuggestions(Answer):
    """Sizes that would suit the table; null where there is nothing to go by. Never applied by themselves."""

    table: str
    slice_target_rows: int | None
    parallelism: int | None
    max_bytes_billed: int | None
    max_bytes_billed_per_day: int | None
    basis: Basis
