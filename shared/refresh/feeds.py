"""Which source column feeds which target column, or field of a dataset, by the map and by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.domain.dataset import Column, Dataset
from shared.domain.errors import InvalidRegistration
from shared.domain.types import TargetColumn, target_name
from shared.ports import Row, SourceTable


def feeds(column_map: Mapping[str, Any], source: SourceTable, dataset: Dataset | None) -> dict[str, Column]:
    """By target column, whether the target has it or not, or by field of the dataset: the source column for it."""
    if dataset is not None:
        columns = {column.name: column for column in source.columns}
        mapped = mapped_fields(dataset, column_map, source)
        return {field: columns[name] for field, name in mapped.items() if name in columns}
    found: dict[str, Column] = {}
    for column in source.columns:
        name = column_map.get(column.name, target_name(column.name))
        if name is not None:
            found.setdefault(name, column)
    return found


def mapped_fields(dataset: Dataset, column_map: Mapping[str, Any], source: SourceTable) -> dict[str, str]:
    """By field, the source column that is read for it: by the map, else by its own name."""
    names = {field.name for field in dataset.fields}
    mapped: dict[str, str] = {}
    for source_column, name in column_map.items():
        if name in mapped:
            raise InvalidRegistration(
                f"{dataset.name}: column_map sends both {mapped[name]} and {source_column} to {name}; "
                "leave one out (null)"
            )
        if name in names:
            mapped[name] = source_column
    for column in source.columns:
        if column.name in names and column.name not in column_map:
            mapped.setdefault(column.name, column.name)
    return mapped


def writable(targets: list[Row]) -> dict[str, TargetColumn]:
    """The target's columns that are not generated, by name."""
    return {
        row["name"]: TargetColumn(
            name=row["name"], type=row["type"], not_null=row["not_null"], has_default=row["has_default"]
        )
        for row in targets
        if not row["generated"]
    }
