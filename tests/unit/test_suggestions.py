"""What is suggested: sizes by hand-reckoned figures, registrations by schemas as they come."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.dataset import Column
from shared.domain.ids import TableName
from shared.planning.suggestions import Registration, Sizes, registration, sizes
from shared.ports import SourceTable

MIB = 2**20
SIZES: list[tuple[tuple[float | None, int | None, int | None, int | None], tuple[int | None, ...]]] = [
    ((None, None, None, None), (None, None, None, None)),
    # A minute at 2,500 rows a second is 150,000 rows: 4 million of them are 27 slices, so 7 lanes of about 4.
    ((2_500.0, 4_000_000, None, None), (150_000, 7, None, None)),
    ((2_500.0, 600_000, None, None), (150_000, 1, None, None)),
    ((2_500.0, 600_001, None, None), (150_000, 2, None, None)),
    ((100_000.0, 10**9, None, None), (6_000_000, 8, None, None)),
    # To whole ten thousands, and never less than one of them.
    ((251.0, None, None, None), (20_000, None, None, None)),
    ((1.0, None, None, None), (10_000, None, None, None)),
    # Twice what was billed, in whole ten mebibytes, which is what BigQuery bills at least.
    ((None, None, 10 * MIB, 30 * MIB), (None, None, 20 * MIB, 60 * MIB)),
    ((None, None, 10 * MIB + 1, 1), (None, None, 30 * MIB, 10 * MIB)),
    ((None, None, 0, 0), (None, None, None, None)),
]


@pytest.mark.parametrize(("seen", "expected"), SIZES)
def test_sizes(seen: tuple[Any, ...], expected: tuple[Any, ...]) -> None:
    names = ("rows_per_second", "largest_rows", "largest_bytes", "largest_day_bytes")
    fields = ("slice_target_rows", "parallelism", "max_bytes_billed", "max_bytes_billed_per_day")
    found = sizes(**dict(zip(names, seen, strict=True)))
    assert found == Sizes(**dict(zip(fields, expected, strict=True)))


def suggested(*columns: tuple[str, str], **about: Any) -> Registration:
    source = SourceTable(
        reference="p.d.t",
        columns=tuple(Column(name=name, type=type_) for name, type_ in columns),
        **({"is_table": True} | about),
    )
    return registration(TableName(schema="s", name="t"), source)


def key(*columns: tuple[str, str], **about: Any) -> object:
    return suggested(*columns, **about).options["key_columns"]


def scope(*columns: tuple[str, str], **about: Any) -> tuple[object, object]:
    options = suggested(*columns, **about).options
    return options.get("scope_column"), options.get("scope_bucket")


def test_a_key_is_an_id_or_else_all_that_is_called_so_within_the_scope() -> None:
    assert key(("id", "INT64"), ("customer_id", "INT64"), ("day", "DATE")) == ["id"]
    assert key(("customer_id", "INT64"), ("sku_code", "STRING"), ("day", "DATE")) == ["day", "customer_id", "sku_code"]
    assert key(("CustomerId", "INT64")) == ["customer_id"]
    assert key(("amount", "NUMERIC"), ("day", "DATE")) == []


def test_what_cannot_tell_rows_apart_is_no_key() -> None:
    for type_ in ("ARRAY<INT64>", "STRUCT<a INT64>", "JSON", "FLOAT64", "BOOL"):
        assert key(("tags_id", type_), ("order_id", "STRING")) == ["order_id"]
        assert key(("id", type_)) == []


def test_without_a_key_or_a_date_it_is_said_what_follows() -> None:
    notes = " ".join(suggested(("amount", "NUMERIC")).notes)
    assert "No key was recognised" in notes
    assert "all of it is read" in notes
    assert not suggested(("id", "INT64"), ("day", "DATE")).notes


def test_a_scope_is_what_bigquery_partitions_by_or_a_usual_date() -> None:
    columns = (("loaded", "DATE"), ("created_at", "TIMESTAMP"), ("Shipped", "DATETIME"))
    assert scope(*columns) == ("created_at", "day")
    assert scope(*columns, partition_column="loaded") == ("loaded", None)
    assert scope(*columns, partition_column="Shipped") == ("shipped", "day")
    assert scope(*columns, partition_column="_PARTITIONTIME") == ("created_at", "day")
    assert scope(("other", "DATE"), ("date", "STRING")) == ("other", None)
    assert scope(("seen", "TIMESTAMP")) == (None, None)


def test_a_table_that_is_read_only_by_partition_gets_a_lookback() -> None:
    columns = (("id", "INT64"), ("day", "DATE"))
    found = suggested(*columns, partition_column="day", needs_partition_filter=True)
    assert found.options["lookback"] == 365
    assert "only by partition" in " ".join(found.notes)
    assert "lookback" not in suggested(*columns, partition_column="day").options


def test_a_view_is_said_to_be_materialised() -> None:
    assert "view" in suggested(("id", "INT64"), ("day", "DATE"), is_table=False).notes[0]


def test_names_that_fall_together_are_said_and_left_out() -> None:
    found = suggested(("Total Sales", "NUMERIC"), ("total_sales", "INT64"), ("id", "INT64"), ("day", "DATE"))
    assert found.options["column_map"] == {"Total Sales": "total_sales", "total_sales": None}
    assert '"total_sales" numeric' in found.ddl
    assert found.notes == ("total_sales is left out: another column is called total_sales too.",)
