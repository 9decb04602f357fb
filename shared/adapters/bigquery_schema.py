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
    return Column(name=field.name, type=f"ARRAY<{name}>" if field.mode == "REPEATED" else name)


def query_parameter(parameter: QueryParameter) -> bigquery.ScalarQueryParameter | bigquery.ArrayQueryParameter:
    """A bound parameter for Google's client."""
    if parameter.type.startswith("ARRAY<"):
        return bigquery.ArrayQueryParameter(parameter.name, parameter.type[6:-1], list(parameter.value))
    return bigquery.ScalarQueryParameter(parameter.name, parameter.type, parameter.value)
