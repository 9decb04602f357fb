"""The sample's rows of the registry: which table is fed from which source, by which worker, after which others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from infra.local.sample.products import products_id
from infra.local.sample.shapes import EXPORT, LANDING, Shape
from infra.local.sample.tables import table_id
from infra.local.sample.targets import EXPORT_SCHEMA

_TABLES = ("search_query_performance", "search_query_market")
VIEWS = {
    "search_performance_summary": _TABLES,
    "weekly_summary": _TABLES,
    "monthly_summary": _TABLES,
    "quarterly_summary": _TABLES,
    "asin_period_summary": ("asin_performance_data", *_TABLES),
    "query_class_summary": _TABLES,
    "cannibalisation_summary": ("search_query_performance",),
    "brand_period_summary": ("search_performance_summary",),
}
"""The summaries, each with what it waits for; the same as `sqp.register_summaries()` registers."""


@dataclass(frozen=True, kw_only=True)
class Registrations:
    """Rows for refresh.refresh_table_registry and refresh.refresh_dependency, keyed by column name.

    `column_map` and `checks` are dicts (jsonb), `key_columns` lists (text[]).
    """

    registry: tuple[dict[str, Any], ...]
    dependencies: tuple[dict[str, Any], ...]


def _table(schema: str, name: str, handler: str, source: str, priority: int, **rest: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "table_schema": schema,
        "table_name": name,
        "handler": handler,
        "source": source,
        "column_map": {},
        "key_columns": [],
        "scope_column": None,
        "strategy": "merge",
        "priority": priority,
        "frequency_hours": 24,
        "slice_target_rows": 50_000,
        "loaded_at_column": None,
        "checks": {},
    }
    return row | rest


def _warehouse(schema: str, project: str, shape: Shape) -> list[dict[str, Any]]:
    source, key = table_id(project, shape), ["client_id", "marketplace_id", "report_period", "period_start"]
    shared: dict[str, Any] = {"column_map": shape.column_map, "scope_column": "period_start", "publish_group": schema}
    return [
        _table(
            schema,
            "asin_performance_data",
            "asin",
            source,
            10,
            key_columns=[*key, "asin"],
            loaded_at_column="loaded_at",
            **shared,
        ),
        _table(
            schema,
            "search_query_performance",
            "search_queries",
            source,
            20,
            key_columns=[*key, "asin", "search_query_key"],
            **shared,
        ),
        _table(
            schema,
            "search_query_market",
            "search_queries",
            source,
            20,
            key_columns=[*key, "search_query_key"],
            **shared,
        ),
    ]


def _view(schema: str, name: str, priority: int) -> dict[str, Any]:
    return {
        "table_schema": schema,
        "table_name": name,
        "handler": "summaries",
        "source": None,
        "publish_group": schema,
        "priority": priority,
        "frequency_hours": 24,
    }


def registrations(project: str) -> Registrations:
    """All of the sample's tables and views; `sqp` from shape B, `sqp_export` from shape A, `sample.products`.

    Dashboards join the tables of a warehouse and its summaries, so each warehouse is a publish group.
    """
    registry = [*_warehouse("sqp", project, LANDING), *_warehouse(EXPORT_SCHEMA, project, EXPORT)]
    registry.append(
        _table(
            "sample",
            "products",
            "generic",
            products_id(project),
            30,
            key_columns=["sku"],
            scope_column="category",
        )
    )
    dependencies = []
    for schema in ("sqp", EXPORT_SCHEMA):
        for place, (view, inputs) in enumerate(VIEWS.items(), 50):
            registry.append(_view(schema, view, place))
            dependencies += [
                {
                    "table_schema": schema,
                    "table_name": view,
                    "depends_on_schema": schema,
                    "depends_on_name": name,
                    "kind": "hard",
                }
                for name in inputs
            ]
    return Registrations(registry=tuple(registry), dependencies=tuple(dependencies))
