"""BigQuery's schema fields and query parameters, to and from the project's own records."""

from __future__ import annotations

from google.cloud import bigquery

from shared.domain.dataset import Column
from shared.ports import QueryParameter

_TYPES = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "RECORD": "STRUCT"}


def column_of(field: bigquery.SchemaField) -> Column:
    """The column that a schema field describes, under BigQuery's standard type name."""
    name = _TYPES.get(field.field_type, field.field_type)
    if name == "RANGE":
        name = f"RANGE<{field.range_element_type.element_type}>"
    if field.mode == "REPEATED":
        return Column(name=field.name, type=f"ARRAY<{name}>")
    return Column(name=field.name, type=name, parameters=_parameters(field), required=field.mode == "REQUIRED")


def _parameters(field: bigquery.SchemaField) -> tuple[int, ...]:
    if field.max_length is not None:
        return (int(field.max_length),)
    return () if field.precision is None else (int(field.precision), int(field.scale or 0))


def query_parameter(parameter: QueryParameter) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    """A bound parameter for Google's client."""
    if parameter.type.startswith("ARRAY<"):
        return bigquery.ArrayQueryParameter(parameter.name, parameter.type[6:-1], list(parameter.value))
    return bigquery.ScalarQueryParameter(parameter.name, parameter.type, parameter.value)
