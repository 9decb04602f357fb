"""How two types of a source column relate, and what a target needs to hold the later one."""

from __future__ import annotations

import pytest

from shared.domain.dataset import Column
from shared.domain.drift import DriftKind
from shared.planning.type_change import can_hold, kind_of_change, rewrites, wider_type


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("INT64", "INT64", None),
        ("INT64", "NUMERIC", DriftKind.WIDENED),
        ("NUMERIC", "BIGNUMERIC", DriftKind.WIDENED),
        ("INT64", "FLOAT64", DriftKind.RETYPED),
        ("BIGNUMERIC", "INT64", DriftKind.NARROWED),
        ("STRING(5)", "STRING", DriftKind.WIDENED),
        ("STRING(5)", "STRING(6)", DriftKind.WIDENED),
        ("STRING", "STRING(5)", DriftKind.NARROWED),
        ("NUMERIC(10, 2)", "NUMERIC(10, 4)", DriftKind.WIDENED),
        ("NUMERIC(10, 2)", "NUMERIC(9, 2)", DriftKind.NARROWED),
        ("ARRAY<INT64>", "ARRAY<NUMERIC>", DriftKind.RETYPED),
        ("STRING", "DATE", DriftKind.RETYPED),
        ("RANGE<DATE>", "RANGE<DATE>", None),
    ],
)
def test_kinds_of_change(before: str, after: str, kind: DriftKind | None) -> None:
    assert kind_of_change(before, after) is kind


@pytest.mark.parametrize(
    ("source", "parameters", "target", "wider"),
    [
        ("STRING", (), "character varying(5)", "text"),
        ("STRING", (9,), "character varying(5)", "character varying(9)"),
        ("STRING", (4,), "character varying(5)", None),
        ("STRING", (), "text", None),
        ("STRING", (), "character(5)", None),
        ("NUMERIC", (), "bigint", "numeric"),
        ("NUMERIC", (), "numeric", None),
        ("NUMERIC", (), "numeric(10,2)", "numeric"),
        ("NUMERIC", (12, 2), "numeric(10,2)", "numeric(12,2)"),
        ("NUMERIC", (9, 4), "numeric(10,2)", "numeric(12,4)"),
        ("NUMERIC", (8, 1), "numeric(10,2)", None),
        ("INT64", (), "integer", None),
        ("NUMERIC", (), "numeric[]", None),
    ],
)
def test_the_type_that_a_target_needs(source: str, parameters: tuple[int, ...], target: str, wider: str | None) -> None:
    assert wider_type(Column(name="c", type=source, parameters=parameters), target) == wider


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("bigint", "numeric", True),
        ("character varying(5)", "text", False),
        ("character varying(5)", "character varying(9)", False),
        ("numeric(10,2)", "numeric", False),
        ("numeric(10,2)", "numeric(12,2)", False),
        ("numeric(10,2)", "numeric(12,4)", True),
    ],
)
def test_which_changes_write_the_whole_table_anew(before: str, after: str, whole: bool) -> None:
    assert rewrites(before, after) is whole


@pytest.mark.parametrize(
    ("source", "target", "holds"),
    [
        ("INT64", "INT64", True),
        ("INT64", "NUMERIC", True),
        ("NUMERIC", "INT64", False),
        ("STRING", "STRING", True),
        ("STRING", "INT64", False),
        ("NUMERIC", "bigint", False),
        ("INT64", "numeric", True),
    ],
)
def test_what_a_type_can_hold(source: str, target: str, holds: bool) -> None:
    assert can_hold(Column(name="c", type=source), target) is holds
