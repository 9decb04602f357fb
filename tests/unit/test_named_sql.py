"""Which queries may be a source."""

from __future__ import annotations

import pytest

from shared.domain.errors import InvalidRegistration
from shared.planning.named_sql import named_sql, tables_read

T = "`p-1.d.orders`"
AS_OF = "FOR SYSTEM_TIME AS OF @snapshot_at"


@pytest.mark.parametrize(
    ("sql", "tables"),
    [
        (f"SELECT * FROM {T} {AS_OF}", ["p-1.d.orders"]),
        (
            f"SELECT o.id FROM {T} o for system_time as of @snapshot_at WHERE o.day < DATE(@snapshot_at);",
            ["p-1.d.orders"],
        ),
        (f"SELECT o.id, t FROM p.d.orders AS o {AS_OF}, UNNEST(o.tags) t", ["p.d.orders"]),
        (
            f"WITH q AS (SELECT * FROM p.d.a {AS_OF}) SELECT * FROM q JOIN p.d.b AS b {AS_OF} USING (id)"
            " WHERE EXISTS (SELECT 1 FROM q AS again)",
            ["p.d.a", "p.d.b"],
        ),
        (f"SELECT 1 AS a FROM p.d.a {AS_OF} UNION ALL SELECT 2 FROM p.d.b {AS_OF}", ["p.d.a", "p.d.b"]),
        (f"SELECT '-- FROM x.y.z' AS s /* FROM x.y.z */ FROM p.d.a {AS_OF}", ["p.d.a"]),
    ],
)
def test_the_tables_of_a_query_at_its_snapshot(sql: str, tables: list[str]) -> None:
    assert sorted(tables_read("mine", sql)) == tables


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("SELECT * FROM p.d.a", "does not read p.d.a at the run's snapshot"),
        (f"SELECT * FROM p.d.a {AS_OF} WHERE id IN (SELECT id FROM p.d.b)", "does not read p.d.b"),
        (f"WITH b AS (SELECT * FROM p.d.a {AS_OF}) SELECT * FROM p.d.b", "does not read p.d.b"),
        ("SELECT * FROM p.d.a FOR SYSTEM_TIME AS OF TIMESTAMP_SUB(@snapshot_at, INTERVAL 1 DAY)", "does not read"),
        ("SELECT * FROM p.d.a FOR SYSTEM_TIME AS OF CURRENT_TIMESTAMP()", "does not read"),
        (f"SELECT * FROM d.a {AS_OF}", "name each table in full"),
        (f"SELECT * FROM `p.d.events_*` {AS_OF}", "without a wildcard"),
        ("SELECT * FROM EXTERNAL_QUERY('c', 'SELECT 1')", "read tables only"),
        ("SELECT 1 AS one", "reads no table"),
        (f"SELECT * FROM p.d.a {AS_OF}; DROP TABLE p.d.a", "one SELECT statement"),
        ("DELETE FROM p.d.a WHERE true", "one SELECT statement"),
        ("SELECT FROM WHERE", "cannot be read as GoogleSQL"),
        ("", "one SELECT statement"),
        (f"SELECT CURRENT_DATE() AS d FROM p.d.a {AS_OF}", "CURRENT_DATE"),
        (f"SELECT GENERATE_UUID() AS u FROM p.d.a {AS_OF}", "answers differently each time"),
        (f"SELECT * FROM p.d.a {AS_OF} WHERE RAND() < 0.1", "RAND"),
        (f"SELECT * FROM p.d.a {AS_OF} WHERE id = @mine", "@mine"),
    ],
)
def test_what_would_not_stay_the_same_is_refused(sql: str, problem: str) -> None:
    with pytest.raises(InvalidRegistration) as refused:
        tables_read("mine", sql)
    assert problem in str(refused.value)
    assert "named SQL mine" in str(refused.value)


def test_a_source_is_named_sql_by_its_prefix() -> None:
    assert named_sql("sql:orders_by_day") == "orders_by_day"
    assert named_sql("p.d.sql:x") is None
