"""A registry's row, the source's schema and the target's, fitted into one definition; nothing is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from string import Formatter
from typing import Any

from shared.domain.dataset import Column, Dataset
from shared.domain.definition import Definition, Input
from shared.domain.drift import SchemaChange
from shared.domain.errors import InvalidRegistration
from shared.domain.ids import TableName
from shared.domain.quoting import bigquery_identifier
from shared.domain.scope import Scope
from shared.domain.types import TargetColumn, WireColumn, match_column, target_name
from shared.ports import Row, SourceTable
from shared.refresh.drift import evolved
from shared.refresh.feeds import mapped_fields, writable

Datasets = Mapping[str, Dataset]


def fit(
    table: TableName,
    registry: Row,
    source: SourceTable,
    targets: list[Row],
    datasets: Datasets,
    changes: tuple[SchemaChange, ...] = (),
) -> Definition:
    """The definition from its parts, without looking anything up; the target as it is once `changes` are made."""
    columns = evolved(writable(targets), changes)
    if datasets:
        dataset = dataset_of(table, registry["handler"], datasets)
        inputs = dataset_inputs(table, dataset, registry["column_map"], source)
        fed = {column.name: column for column in dataset.columns}
        ignored: tuple[str, ...] = ()
    else:
        dataset = None
        inputs, fed, ignored = _plain_inputs(table, registry["column_map"], source, columns)
    wires, outputs = _wires(table, fed, columns, registry["nul_policies"])
    key = tuple(registry["key_columns"]) or (dataset.key_columns if dataset else ())
    definition = Definition(
        table=table,
        source=source.reference,
        source_is_table=source.is_table,
        source_sql=source.sql,
        inputs=inputs,
        dataset=dataset,
        columns=wires,
        outputs=outputs,
        key=key,
        scope=None,
        strategy=registry["strategy"],
        lookback=registry["lookback"],
        slice_target_rows=registry["slice_target_rows"],
        parallelism=registry["parallelism"],
        max_bytes_billed=registry["max_bytes_billed"],
        max_bytes_billed_per_day=registry["max_bytes_billed_per_day"],
        checks=(dataset.checks if dataset else {}) | registry["checks"],
        loaded_at_column=registry["loaded_at_column"],
        ignored=ignored,
        changes=changes,
    )
    _check_fed(definition, columns)
    return replace(definition, scope=_scope(definition, registry, fed))


def dataset_of(table: TableName, handler: str, datasets: Datasets) -> Dataset:
    """The dataset that a worker with `datasets` has for the table. InvalidRegistration when there is none."""
    if table.name not in datasets:
        raise InvalidRegistration(
            f"{table}: handler {handler} knows no table {table.name}; it has {', '.join(sorted(datasets))}. "
            "Use handler generic for any other table"
        )
    return datasets[table.name]


def dataset_inputs(
    table: TableName, dataset: Dataset, column_map: Mapping[str, Any], source: SourceTable
) -> tuple[Input, ...]:
    """What the dataset reads, from the source's columns. InvalidRegistration for a field that none of them feeds."""
    _check_source_columns(table, column_map, source)
    mapped = mapped_fields(dataset, column_map, source)
    types = {column.name: column.type for column in source.columns}
    expressions = {
        field.name: _cast(mapped[field.name], types[mapped[field.name]], field.type)
        if field.name in mapped
        else field.default
        for field in dataset.fields
    }
    inputs = []
    for field in dataset.fields:
        expression = expressions[field.name]
        if field.derived is not None and field.name not in mapped:
            expression = _derived(field.derived, expressions)
        if expression is None:
            raise InvalidRegistration(
                f"{table}: column_map names no source column for {field.name} ({field.type}), "
                f"which {dataset.name} needs; the source has {sorted(column.name for column in source.columns)}"
            )
        inputs.append(Input(name=field.name, expression=expression))
    return tuple(inputs)


def _derived(template: str, expressions: Mapping[str, str | None]) -> str | None:
    """The template with its fields put in; None where one of them is never anything but NULL."""
    needed = [name for _, name, _, _ in Formatter().parse(template) if name]
    known = {name: expressions[name] for name in needed}
    if any(text is None or text.startswith("CAST(NULL ") for text in known.values()):
        return None
    return template.format(**known)


def _cast(column: str, source_type: str, wanted: str) -> str:
    """A day of a TIMESTAMP is its day in UTC, whatever time zone the project has."""
    name = bigquery_identifier(column)
    return f"DATE({name}, 'UTC')" if (source_type, wanted) == ("TIMESTAMP", "DATE") else f"CAST({name} AS {wanted})"


def _plain_inputs(
    table: TableName, column_map: Mapping[str, Any], source: SourceTable, targets: Mapping[str, TargetColumn]
) -> tuple[tuple[Input, ...], dict[str, Column], tuple[str, ...]]:
    _check_source_columns(table, column_map, source)
    fed: dict[str, Column] = {}
    ignored = []
    for column in source.columns:
        name = column_map.get(column.name, target_name(column.name))
        if name is None:
            continue
        if name not in targets:
            if column.name in column_map:
                raise InvalidRegistration(
                    f"{table}: column_map sends {column.name} to {name}, which the table does not have (or generates): "
                    f"add the column, or map to one of {', '.join(targets)}"
                )
            ignored.append(column.name)
            continue
        if name in fed:
            raise InvalidRegistration(
                f"{table}: source columns {fed[name].name} and {column.name} both become {name}: "
                "give one another name, or null, in column_map"
            )
        fed[name] = column
    inputs = tuple(Input(name=column.name, expression=bigquery_identifier(column.name)) for column in fed.values())
    return inputs, fed, tuple(ignored)


def _check_source_columns(table: TableName, column_map: Mapping[str, Any], source: SourceTable) -> None:
    missing = sorted(column_map.keys() - {column.name for column in source.columns})
    if missing:
        raise InvalidRegistration(
            f"{table}: column_map names {', '.join(missing)}, which source {source.reference} does not have; "
            f"it has {', '.join(sorted(column.name for column in source.columns))}"
        )


def _wires(
    table: TableName, fed: Mapping[str, Column], targets: Mapping[str, TargetColumn], policies: Mapping[str, str]
) -> tuple[tuple[WireColumn, ...], tuple[str, ...]]:
    missing = sorted(fed.keys() - targets.keys())
    if missing:
        raise InvalidRegistration(f"{table} lacks the column(s) {', '.join(missing)}: add them to the table")
    if not fed:
        raise InvalidRegistration(f"{table}: no source column has a target column; give a column_map")
    names = [name for name in targets if name in fed]
    wires = tuple(
        match_column(table=str(table), source=fed[name], target=targets[name], nul_policy=policies.get(name, "strip"))
        for name in names
    )
    return wires, tuple(fed[name].name for name in names)


def _check_fed(definition: Definition, targets: Mapping[str, TargetColumn]) -> None:
    fed = {column.name for column in definition.columns}
    unfed_key = [name for name in definition.key if name not in fed]
    if unfed_key:
        raise InvalidRegistration(
            f"{definition.table}: key column(s) {', '.join(unfed_key)} get no value from the source; "
            "map a source column to each, or choose another key"
        )
    starved = [
        column.name
        for column in targets.values()
        if column.not_null and not column.has_default and column.name not in fed
    ]
    if starved:
        raise InvalidRegistration(
            f"{definition.table}: column(s) {', '.join(starved)} are NOT NULL without a default and get no value from "
            "the source; map a source column to each, or give a default"
        )


def _scope(definition: Definition, registry: Row, fed: Mapping[str, Column]) -> Scope | None:
    name = registry["scope_column"] or (definition.dataset.scope_column if definition.dataset else None)
    if definition.dataset is not None and name != definition.dataset.scope_column:
        raise InvalidRegistration(
            f"{definition.table}: scope_column must be {definition.dataset.scope_column} for {definition.dataset.name}"
        )
    if name is None or definition.strategy == "replace":
        return None
    if name not in fed:
        raise InvalidRegistration(
            f"{definition.table}: scope_column {name} gets no value from the source; map a source column to it"
        )
    scope = Scope(
        column=name,
        source_type=fed[name].type,
        target_type=definition.column(name).target_type,
        bucket=registry["scope_bucket"],
    )
    scope.check(str(definition.table))
    return scope
