"""Tables that the system has never heard of: registered by a plain INSERT, refreshed by a manual run, compared."""

from __future__ import annotations

from typing import Any

import pytest

from shared.domain.errors import StoreRefused
from tests.e2e.system import System, dataset_id

_DATASET = dataset_id("own")
_COLUMNS = "id, day, label, price, ratio, seen_at, active"


@pytest.fixture(scope="module")
def own(system: System) -> System:
    """A source of 1,000 rows over 30 days, some of them awkward, and a dataset for more."""
    system.client.create_dataset(_DATASET, exists_ok=True)
    system.bigquery(
        f"CREATE TABLE `{_DATASET}.visits` AS SELECT n AS id,"
        " DATE_ADD(DATE '2025-01-01', INTERVAL MOD(n, 30) DAY) AS day,"
        " IF(MOD(n, 7) = 0, NULL, CONCAT('naïve 🔪 ', n)) AS label, CAST(n / 7 AS NUMERIC) AS price,"
        " IF(MOD(n, 100) = 0, CAST('-inf' AS FLOAT64), n / 3) AS ratio,"
        " TIMESTAMP_ADD(TIMESTAMP '1999-12-31 23:59:59.999999', INTERVAL n SECOND) AS seen_at, MOD(n, 2) = 0 AS active"
        " FROM UNNEST(GENERATE_ARRAY(1, 1000)) AS n"
    )
    return system


def create(system: System, name: str, key: str) -> str:
    """An empty target for the visits."""
    system.sql(
        f"CREATE TABLE public.{name} (id bigint, day date, label text, price numeric, ratio double precision,"
        f" seen_at timestamptz, active boolean{key})"
    )
    return f"public.{name}"


@pytest.mark.parametrize(
    ("name", "key", "registration"),
    [
        ("keyed", ", PRIMARY KEY (id)", {"scope_column": "day", "slice_target_rows": 250, "parallelism": 2}),
        ("keyless", "", {"scope_column": "day"}),
        ("whole", ", PRIMARY KEY (id)", {"strategy": "replace"}),
        ("growing", ", PRIMARY KEY (id)", {"strategy": "append", "scope_column": "day"}),
    ],
)
def test_a_table_of_ones_own_becomes_equal_and_stays_so(
    own: System, name: str, key: str, registration: dict[str, Any]
) -> None:
    source = f"{_DATASET}.{name}"
    own.bigquery(f"CREATE TABLE `{source}` AS SELECT * FROM `{_DATASET}.visits`")
    table = create(own, name, key)
    own.register(table, source, **registration)
    task = own.ended(own.manual(table))[table]
    assert (task["status"], task["error"], task["rows_inserted"]) == ("success", None, 1000)
    assert own.differences(table, f"SELECT {_COLUMNS} FROM `{source}`") == (0, 0)

    if registration.get("strategy") != "append":
        own.bigquery(f"UPDATE `{source}` SET label = 'changed' WHERE day = '2025-01-05' AND MOD(id, 3) = 0")
        own.bigquery(f"DELETE FROM `{source}` WHERE id IN (7, 8, 9)")
    own.bigquery(f"INSERT INTO `{source}` SELECT * REPLACE (id + 10000 AS id) FROM `{_DATASET}.visits` WHERE id < 20")
    task = own.ended(own.manual(table))[table]
    assert (task["status"], task["error"]) == ("success", None)
    assert own.differences(table, f"SELECT {_COLUMNS} FROM `{source}`") == (0, 0)
    assert task["rows_inserted"] >= 19


@pytest.mark.parametrize(
    ("name", "source", "registration", "said"),
    [
        ("no_source", "nowhere", {}, "does not exist in BigQuery: correct `source`"),
        ("no_column", "visits", {"column_map": '{"prize": "price"}'}, "column_map names prize, which source"),
        ("starved", "visits", {"column_map": '{"id": null}', "key_columns": ["day"]}, "map a source column to each"),
    ],
)
def test_a_wrong_source_fails_the_task_with_what_to_change(
    own: System, name: str, source: str, registration: dict[str, Any], said: str
) -> None:
    own.sql(f"CREATE TABLE public.{name} (id bigint NOT NULL, day date UNIQUE NOT NULL, price numeric)")
    table = f"public.{name}"
    own.register(table, f"{_DATASET}.{source}", **registration)
    task = own.ended(own.manual(table))[table]
    assert (task["status"], task["reason"]) == ("failed", "invalid_registration")
    assert table in task["error"]
    assert said in task["error"]


def test_a_key_with_duplicates_fails_and_is_named(own: System) -> None:
    own.bigquery(f"CREATE TABLE `{_DATASET}.twins` AS SELECT 5 AS id, 'a' AS label UNION ALL SELECT 5, 'b'")
    own.sql("CREATE TABLE public.twins (id bigint PRIMARY KEY, label text)")
    own.register("public.twins", f"{_DATASET}.twins")
    task = own.ended(own.manual("public.twins"))["public.twins"]
    assert (task["status"], task["reason"]) == ("failed", "duplicate_key")
    assert "public.twins" in task["error"]
    assert "5" in task["error"]
    assert own.sql("SELECT count(*) AS rows FROM public.twins") == [{"rows": 0}]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"key_columns": ["nothing"]}, "nothing"),
        ({"key_columns": ["label"]}, "UNIQUE"),
        ({"max_bytes_billed": -1}, "max_bytes_billed"),
        ({"max_bytes_billed": 0}, "max_bytes_billed"),
        ({"frequency_hours": 169}, "frequency_hours"),
        ({"scope_column": "nothing"}, "nothing"),
        ({"strategy": "upsert"}, "merge, append or replace"),
        ({"source": "only.two"}, "project.dataset.table"),
    ],
    ids=str,
)
def test_what_the_database_can_know_is_refused_at_once(own: System, columns: dict[str, Any], said: str) -> None:
    own.sql("CREATE TABLE IF NOT EXISTS public.refused (id bigint PRIMARY KEY, label text)")
    with pytest.raises(StoreRefused, match=r"public\.refused") as caught:
        own.register("public.refused", columns.pop("source", f"{_DATASET}.visits"), **columns)
    assert said in str(caught.value)


def test_a_cycle_of_dependencies_is_refused_with_its_way_round(own: System) -> None:
    depend = "INSERT INTO refresh.refresh_dependency VALUES ('public', :a, 'public', :b, 'hard')"
    for name in ("first", "second"):
        own.sql(f"CREATE TABLE public.{name} (id bigint PRIMARY KEY)")
        own.register(f"public.{name}", f"{_DATASET}.visits")
    own.sql(depend, a="second", b="first")
    with pytest.raises(StoreRefused, match=r"cycle: public\.first -> public\.second -> public\.first"):
        own.sql(depend, a="first", b="second")
