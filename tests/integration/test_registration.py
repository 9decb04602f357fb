"""Every rule of a registration, on a real server: wrong input is refused, and the error says what to change."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pg8000.native
import pytest
from pg8000.exceptions import DatabaseError

from infra.local.postgres import Postgres
from shared.adapters.database_url import connection_arguments

TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.sale (
    id bigint PRIMARY KEY, day date, sold_at timestamptz, noted_at timestamp, shop text, qty integer, price numeric,
    paid boolean, tags text[], loaded_at timestamptz, doubled integer GENERATED ALWAYS AS (qty * 2) STORED,
    serial integer GENERATED ALWAYS AS IDENTITY
);
CREATE UNIQUE INDEX ON shop.sale (shop, day) INCLUDE (qty);
CREATE UNIQUE INDEX ON shop.sale (qty) WHERE qty > 0;
CREATE UNIQUE INDEX ON shop.sale (lower(shop));
ALTER TABLE shop.sale ADD UNIQUE (price) DEFERRABLE;
CREATE DOMAIN shop.report_day AS date;
CREATE TABLE shop.keyless (a text, day shop.report_day, "Select" text);
CREATE TABLE shop.parted (id bigint, day date, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE shop.report (client text, period_start date, PRIMARY KEY (client, period_start));
CREATE VIEW shop.shown AS SELECT id FROM shop.sale;
CREATE MATERIALIZED VIEW shop.total AS SELECT day, sum(qty) AS qty FROM shop.sale GROUP BY day;
CREATE UNIQUE INDEX ON shop.total (day);
CREATE MATERIALIZED VIEW shop.bare AS SELECT day, sum(qty) AS qty FROM shop.sale GROUP BY day;
CREATE UNIQUE INDEX ON shop.bare (day) WHERE qty > 0;
CREATE UNIQUE INDEX ON shop.bare ((day + 1));
CREATE INDEX ON shop.bare (day);
"""
SOURCE = "acme-data.sales.sale"
Row = dict[str, Any]


class Database:
    """A connection to a migrated database, with rows as dicts."""

    def __init__(self, url: str) -> None:
        self.connection = pg8000.native.Connection(**connection_arguments(url))

    def run(self, sql: str, **parameters: Any) -> list[Row]:
        rows = self.connection.run(sql, **parameters)
        names = [column["name"] for column in self.connection.columns or ()]
        return [dict(zip(names, row, strict=True)) for row in rows or ()]

    def insert(self, table: str, **columns: Any) -> Row:
        """Register by plain INSERT."""
        row = {"handler": "generic", "source": SOURCE} | columns
        row = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()}
        names = "".join(f", {name}" for name in row)
        values = "".join(f", CAST(:{name} AS jsonb)" if name in _JSON else f", :{name}" for name in row)
        return self.run(
            f"INSERT INTO refresh.refresh_table_registry (table_schema, table_name{names})"
            f" VALUES ('shop', :t{values}) RETURNING *",
            t=table,
            **row,
        )[0]

    def register(self, table: str, arguments: str = "") -> Row:
        return self.run(f"SELECT * FROM refresh.register_table('shop', '{table}', '{SOURCE}'{arguments})")[0]

    def refused(self, sql: str, **parameters: Any) -> tuple[str, str]:
        """Message and hint of the error that the statement ends with."""
        with pytest.raises(DatabaseError) as caught:
            self.run(sql, **parameters)
        fields = caught.value.args[0]
        return fields["M"], fields.get("H", "")

    def audited(self, event: str) -> list[Row]:
        return self.run("SELECT * FROM refresh.refresh_audit_log WHERE event = :event ORDER BY audit_id", event=event)


_JSON = {"column_map", "checks", "nul_policies"}


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    database.run(TABLES)
    yield database
    database.connection.close()


@pytest.fixture(scope="module")
def lasting(postgres: Postgres, migrated_template: str) -> Iterator[Database]:
    database = Database(postgres.ensure_database("test_registration", template=migrated_template))
    database.run(TABLES)
    yield database
    database.connection.close()
    postgres.drop_database("test_registration")


@pytest.fixture
def emptied(lasting: Database) -> Iterator[Database]:
    """One database for the many tests that need no more than an empty registry."""
    yield lasting
    lasting.run("DELETE FROM refresh.refresh_table_registry")


WRONG: list[tuple[str, Row, str, str]] = [
    ("nowhere", {}, "shop.nowhere: table_name does not exist", "Create the table first"),
    ("SALE", {}, "shop.SALE: table_name does not exist", "upper and lower case differ"),
    ("shown", {}, "shop.shown: table_name is a view", "Register a table, or a materialized view"),
    (
        "total",
        {},
        "shop.total: handler generic needs a table, and this is a materialized view",
        "Set handler to summaries",
    ),
    ("sale", {"handler": "summaries"}, "handler summaries needs a materialized view", "Set handler to generic"),
    ("bare", {"handler": "summaries"}, "shop.bare: table_name has no unique index", "CREATE UNIQUE INDEX ON shop.bare"),
    ("sale", {"handler": "other"}, "handler is other", "asin, search_queries, summaries or generic"),
    ("sale", {"source": None}, "source is missing", "project.dataset.table"),
    (
        "sale",
        {"source": "sales.sale"},
        "source is 'sales.sale', which is not project.dataset.table",
        "exactly three parts",
    ),
    ("sale", {"source": "a.b.c.d"}, "source is 'a.b.c.d'", "three parts"),
    ("sale", {"source": "a..c"}, "source is 'a..c'", "three parts"),
    ("sale", {"source": "`a.b.c`"}, "source is '`a.b.c`'", "without backticks"),
    ("sale", {"source": "a.b.c_*"}, "source is 'a.b.c_*'", "wildcard"),
    ("sale", {"source": "a.b.c$20250101"}, "source is 'a.b.c$20250101'", "decorator"),
    ("sale", {"source": "a.b-x.c"}, "source is 'a.b-x.c'", "a dataset has letters, digits and _"),
    ("sale", {"key_columns": ["id", "nope"]}, "key_columns names nope", "id, day, sold_at"),
    ("sale", {"key_columns": ["id", "id"]}, "key_columns names a column twice", "each column once"),
    (
        "sale",
        {"key_columns": ["day"]},
        "key_columns (day) have no unique index",
        "CREATE UNIQUE INDEX ON shop.sale (day)",
    ),
    ("sale", {"key_columns": ["id", "day"]}, "(id, day) have no unique index", "(id)"),
    ("sale", {"key_columns": ["qty"]}, "(qty) have no unique index on exactly", "partial"),
    ("sale", {"key_columns": ["price"]}, "(price) have no unique index on exactly", "deferrable"),
    ("sale", {"key_columns": ["shop"]}, "(shop) have no unique index on exactly", "over expressions"),
    ("sale", {"key_columns": ["shop", "day", "qty"]}, "have no unique index on exactly", "(day, shop)"),
    ("keyless", {"key_columns": ["Select"]}, "(Select) have no unique index", 'ON shop.keyless ("Select")'),
    ("keyless", {"key_columns": ["a"]}, "(a) have no unique index", "key_columns to {}"),
    ("keyless", {"strategy": "append"}, "key_columns is empty, and strategy append needs a key", "strategy to merge"),
    ("sale", {"scope_column": "nope"}, "scope_column is nope, which the table does not have", "id, day, sold_at"),
    ("sale", {"scope_column": "price"}, "scope_column price is of type numeric", "date, timestamp, text"),
    ("sale", {"scope_column": "tags"}, "scope_column tags is of type _text", "date, timestamp, text"),
    (
        "sale",
        {"scope_column": "sold_at"},
        "scope_bucket is missing, and sold_at is of type timestamptz",
        "day, week or month",
    ),
    (
        "sale",
        {"scope_column": "noted_at"},
        "scope_bucket is missing, and noted_at is of type timestamp",
        "day, week or month",
    ),
    ("sale", {"scope_column": "shop", "scope_bucket": "day"}, "scope_bucket day needs a date or timestamp", "hash:N"),
    (
        "sale",
        {"scope_column": "sold_at", "scope_bucket": "hash:9"},
        "scope_bucket hash:9 does not suit",
        "day, week or month",
    ),
    ("sale", {"scope_column": "paid", "scope_bucket": "hash:9"}, "scope_bucket hash:9 does not suit", "to NULL"),
    ("sale", {"scope_column": "day", "scope_bucket": "year"}, "scope_bucket is year", "day, week, month, hash:N"),
    ("sale", {"scope_bucket": "day"}, "scope_bucket needs a scope_column", "Set scope_column"),
    ("sale", {"lookback": 7}, "lookback needs a scope_column", "Set scope_column"),
    (
        "sale",
        {"lookback": 7, "scope_column": "shop"},
        "lookback counts days, and the scopes of shop are no dates",
        "NULL",
    ),
    ("sale", {"lookback": 7, "scope_column": "day", "scope_bucket": "hash:8"}, "lookback counts days", "NULL"),
    ("sale", {"lookback": 0, "scope_column": "day"}, "lookback is 0", "above 0"),
    ("sale", {"handler": "asin"}, "scope_column is period_start, which the table does not have", "id, day"),
    ("sale", {"loaded_at_column": "nope"}, "loaded_at_column nope is no column of the table", "timestamptz"),
    ("sale", {"loaded_at_column": "noted_at"}, "loaded_at_column noted_at is of type timestamp", "timestamptz"),
    (
        "sale",
        {"loaded_at_column": "sold_at", "scope_column": "sold_at", "scope_bucket": "day"},
        "loaded_at_column sold_at is also key or scope",
        "does not feed",
    ),
    ("sale", {"nul_policies": {"nope": "strip"}}, "nul_policies names nope", "id, day"),
    (
        "sale",
        {"nul_policies": {"shop": "drop"}},
        'nul_policies has "drop" for shop',
        '"strip", "reject" or "quarantine"',
    ),
    (
        "sale",
        {"column_map": {"x": "nope"}},
        "column_map sends x to nope, which the table does not have",
        "null leaves x out",
    ),
    (
        "sale",
        {"column_map": {"x": "doubled"}},
        "x to doubled, which the table generates itself",
        "Choose from its columns",
    ),
    (
        "sale",
        {"column_map": {"x": "serial"}},
        "x to serial, which the table generates itself",
        "Choose from its columns",
    ),
    (
        "sale",
        {"column_map": {"x": "shop", "y": "shop"}},
        "column_map sends both x and y to shop",
        "null to leave it out",
    ),
    ("sale", {"column_map": {"x": 1}}, 'column_map has 1 for source column "x"', "name of a target column, or to null"),
    (
        "sale",
        {"column_map": {"ID": None}},
        "key_columns needs id, which column_map leaves without",
        "Map a source column to id",
    ),
    (
        "sale",
        {"column_map": {"day": "noted_at"}, "scope_column": "day"},
        "scope_column needs day, which column_map leaves without",
        "Map a source column to day",
    ),
    ("sale", {"mode": "off"}, "mode is off", "live, shadow, dry_run or disabled"),
    ("sale", {"strategy": "upsert"}, "strategy is upsert", "merge, append or replace"),
    ("sale", {"priority": 1001}, "priority is 1001", "0 (first) to 1000"),
    ("sale", {"frequency_hours": 0}, "frequency_hours is 0", "from 1 to 168"),
    ("sale", {"slice_target_rows": 0}, "slice_target_rows is 0", "from 1"),
    ("sale", {"parallelism": 33}, "parallelism is 33", "from 1 to 32"),
    ("sale", {"max_bytes_billed": 0}, "max_bytes_billed is 0", "above 0, or NULL"),
    ("sale", {"max_bytes_billed": -1}, "max_bytes_billed is -1", "above 0, or NULL"),
    ("sale", {"checks": {"table_min_ratio": 2}}, "checks has table_min_ratio = 2", "from 0 to 1"),
    ("sale", {"checks": {"scope_min_ratio": "half"}}, 'checks has scope_min_ratio = "half"', "from 0 to 1"),
    ("sale", {"checks": {"scope_history": 1.5}}, "checks has scope_history = 1.5", "without decimals"),
]


@pytest.mark.parametrize(
    ("table", "columns", "message", "hint"), WRONG, ids=[f"{i}-{w[2][:40]}" for i, w in enumerate(WRONG)]
)
def test_wrong_registrations_are_refused(emptied: Database, table: str, columns: Row, message: str, hint: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        emptied.insert(table, **columns)
    fields = caught.value.args[0]
    assert message in fields["M"]
    assert fields["M"].startswith(f"shop.{table}: ")
    assert hint in fields["H"]
    assert emptied.run("SELECT FROM refresh.refresh_table_registry") == []


@pytest.mark.parametrize(
    "schema",
    [
        "pg_catalog",
        "information_schema",
        "refresh",
        "refresh_staging",
        "refresh_shadow",
        "refresh_undo",
        "refresh_migrations",
    ],
)
def test_schemas_of_the_system_are_refused(emptied: Database, schema: str) -> None:
    message, hint = emptied.refused(f"SELECT refresh.register_table('{schema}', 'refresh_task', 'a.b.c')")
    assert f"{schema} belongs to the system" in message
    assert hint == "Register tables of other schemas only."


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("sale", {}),
        ("sale", {"key_columns": ["id"]}),
        ("sale", {"key_columns": ["shop", "day"]}),
        ("sale", {"key_columns": ["day", "shop"], "strategy": "append"}),
        ("sale", {"scope_column": "day", "lookback": 30}),
        ("sale", {"scope_column": "day", "scope_bucket": "week", "lookback": 30}),
        ("sale", {"scope_column": "sold_at", "scope_bucket": "month"}),
        ("sale", {"scope_column": "noted_at", "scope_bucket": "day"}),
        ("sale", {"scope_column": "shop", "scope_bucket": "hash:64"}),
        ("sale", {"scope_column": "qty"}),
        ("sale", {"scope_column": "paid"}),
        ("sale", {"strategy": "replace", "mode": "disabled"}),
        ("sale", {"column_map": {"identifier": "id", "id": None}, "loaded_at_column": "loaded_at"}),
        ("sale", {"nul_policies": {"shop": "reject"}, "checks": {"table_min_ratio": 0, "scope_min_ratio": 0.5}}),
        ("sale", {"source": "example.com:acme.sales.Umsätze 2025-01"}),
        ("keyless", {"scope_column": "day", "lookback": 3}),
        ("keyless", {"column_map": {"select": "Select"}}),
        ("parted", {"key_columns": ["id", "day"]}),
        ("report", {"handler": "asin", "column_map": {"Start Date": "start_date"}}),
        ("total", {"handler": "summaries", "source": None}),
        ("total", {"handler": "summaries", "key_columns": ["day"]}),
    ],
)
def test_right_registrations_are_taken(emptied: Database, table: str, columns: Row) -> None:
    row = emptied.insert(table, **columns)
    assert {name: row[name] for name in columns} == columns
    assert row["config_version"] == 1


def test_a_primary_key_is_the_key_where_none_is_named(emptied: Database) -> None:
    assert emptied.insert("sale")["key_columns"] == ["id"]
    assert emptied.insert("parted")["key_columns"] == ["day", "id"]
    assert emptied.insert("keyless")["key_columns"] == []


def test_sqp_handlers_have_their_scope(emptied: Database) -> None:
    row = emptied.insert("report", handler="search_queries", lookback=30)
    assert (row["scope_column"], row["key_columns"]) == ("period_start", ["client", "period_start"])


def test_register_table_has_the_defaults_of_the_table(database: Database) -> None:
    by_insert = database.insert("sale")
    database.run("DELETE FROM refresh.refresh_table_registry")
    by_function = database.register("sale")
    assert by_function | {"created_at": None} == by_insert | {"created_at": None}


def test_registering_again_sets_the_whole_configuration_and_keeps_the_state(database: Database) -> None:
    database.register("sale", ", priority => 5, scope_column => 'day', lookback => 30, max_bytes_billed => 1000")
    database.run("UPDATE refresh.refresh_table_registry SET last_data_period = '2025-01-05', data_version = 7")
    again = database.register("sale", ", frequency_hours => 12")
    assert (again["priority"], again["scope_column"], again["lookback"], again["max_bytes_billed"]) == (
        100,
        None,
        None,
        None,
    )
    assert (again["frequency_hours"], again["last_data_period"], again["data_version"]) == (12, "2025-01-05", 7)
    assert again["config_version"] == 2
    assert database.register("sale", ", frequency_hours => 12")["config_version"] == 2


def test_only_configuration_raises_the_version_and_is_audited(database: Database) -> None:
    database.insert("sale", scope_column="day")
    database.run(
        "UPDATE refresh.refresh_table_registry"
        " SET last_refreshed_at = now(), next_refresh_at = now(), config_version = 9"
    )
    database.run("UPDATE refresh.refresh_table_registry SET priority = 100")
    assert database.audited("config_changed") == []
    row = database.run("UPDATE refresh.refresh_table_registry SET priority = 7, lookback = 3 RETURNING config_version")[
        0
    ]
    assert row["config_version"] == 2
    [change] = database.audited("config_changed")
    assert (change["table_schema"], change["table_name"]) == ("shop", "sale")
    assert change["details"]["config_version"] == 2
    assert change["details"]["changed"] == {"priority": {"old": 100, "new": 7}, "lookback": {"old": None, "new": 3}}
    assert change["details"]["by"] == "postgres"


def test_registering_and_unregistering_are_audited(database: Database) -> None:
    database.insert("sale", priority=3)
    database.run("DELETE FROM refresh.refresh_table_registry")
    [registered], [unregistered] = database.audited("table_registered"), database.audited("table_unregistered")
    assert registered["details"]["configuration"]["priority"] == 3
    assert unregistered["details"]["configuration"] == registered["details"]["configuration"]


def test_updates_are_checked_like_inserts(database: Database) -> None:
    database.insert("sale")
    message, _ = database.refused("UPDATE refresh.refresh_table_registry SET scope_column = 'nope'")
    assert message == "shop.sale: scope_column is nope, which the table does not have"


def test_a_table_that_no_longer_fits_can_be_published_to_its_end_and_switched_off(database: Database) -> None:
    database.insert("sale")
    database.run("DROP TABLE shop.sale CASCADE")
    database.run("UPDATE refresh.refresh_table_registry SET data_version = 1")
    assert "does not exist" in database.refused("UPDATE refresh.refresh_table_registry SET priority = 1")[0]
    database.run("UPDATE refresh.refresh_table_registry SET mode = 'disabled'")
    assert "does not exist" in database.refused("UPDATE refresh.refresh_table_registry SET mode = 'live'")[0]


def test_a_table_with_history_is_disabled_rather_than_unregistered(database: Database) -> None:
    database.insert("sale")
    database.run(
        "WITH run AS (INSERT INTO refresh.refresh_run (trigger, requested_by, idempotency_key)"
        " VALUES ('manual', 't', 'k') RETURNING run_id)"
        " INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority)"
        " SELECT run_id, 'shop', 'sale', 'generic', 1 FROM run"
    )
    message, hint = database.refused("DELETE FROM refresh.refresh_table_registry")
    assert message == "shop.sale: has been part of runs, whose history names it"
    assert "Set mode to disabled" in hint


DEPEND = (
    "INSERT INTO refresh.refresh_dependency (table_schema, table_name, depends_on_schema, depends_on_name)"
    " VALUES ('shop', '{}', 'shop', '{}')"
)


@pytest.fixture
def registered(database: Database) -> Database:
    for table in ("sale", "keyless", "parted", "report"):
        database.insert(table)
    return database


def test_cycles_are_refused_and_named(registered: Database) -> None:
    registered.run(DEPEND.format("sale", "keyless"))
    registered.run(DEPEND.format("sale", "report"))
    registered.run(DEPEND.format("report", "keyless"))
    registered.run(DEPEND.format("keyless", "parted"))
    message, hint = registered.refused(DEPEND.format("parted", "sale"))
    assert message == "dependencies would form a cycle: shop.parted -> shop.sale -> shop.keyless -> shop.parted"
    assert "Remove one of these dependencies" in hint


def test_a_table_cannot_depend_on_itself(registered: Database) -> None:
    message, _ = registered.refused(DEPEND.format("sale", "sale"))
    assert message == "dependencies would form a cycle: shop.sale -> shop.sale"


def test_a_cycle_within_one_statement_is_refused(registered: Database) -> None:
    message, _ = registered.refused(DEPEND.format("sale", "keyless") + ", ('shop', 'keyless', 'shop', 'sale')")
    assert message == "dependencies would form a cycle: shop.keyless -> shop.sale -> shop.keyless"


def test_a_dependency_can_be_turned_around(registered: Database) -> None:
    registered.run(DEPEND.format("sale", "keyless"))
    registered.run("UPDATE refresh.refresh_dependency SET table_name = 'keyless', depends_on_name = 'sale'")
    registered.run(DEPEND.format("sale", "report"))
    message, _ = registered.refused(
        "UPDATE refresh.refresh_dependency SET depends_on_name = 'keyless' WHERE table_name = 'sale'"
    )
    assert message == "dependencies would form a cycle: shop.sale -> shop.keyless -> shop.sale"


def test_two_writers_cannot_close_a_cycle_between_them(registered: Database, migrated_url: str) -> None:
    other = Database(migrated_url)
    registered.run("BEGIN")
    registered.run(DEPEND.format("sale", "keyless"))
    refusals: list[str] = []
    writer = threading.Thread(target=lambda: refusals.append(other.refused(DEPEND.format("keyless", "sale"))[0]))
    writer.start()
    while not registered.run("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
        assert writer.is_alive()
    registered.run("COMMIT")
    writer.join(timeout=30)
    other.connection.close()
    assert refusals == ["dependencies would form a cycle: shop.keyless -> shop.sale -> shop.keyless"]


def test_an_old_snapshot_may_not_change_dependencies(registered: Database) -> None:
    registered.run("BEGIN ISOLATION LEVEL REPEATABLE READ")
    message, hint = registered.refused(DEPEND.format("sale", "keyless"))
    registered.run("ROLLBACK")
    assert (message, hint) == (
        "dependencies cannot be changed at isolation level repeatable read",
        "Use READ COMMITTED.",
    )


def test_dependencies_are_between_registered_tables(registered: Database) -> None:
    message, hint = registered.refused(DEPEND.format("sale", "nowhere"))
    assert message == "shop.sale cannot depend on shop.nowhere: shop.nowhere is not registered"
    assert "Register the table first" in hint


def test_register_table_sets_dependencies_only_when_asked(registered: Database) -> None:
    registered.register("sale", """, depends_on => '{"shop.keyless": "hard", "shop.parted": "soft"}'""")
    registered.register("sale", ", priority => 3")
    found = "SELECT depends_on_name AS name, kind FROM refresh.refresh_dependency ORDER BY depends_on_name"
    assert registered.run(found) == [{"name": "keyless", "kind": "hard"}, {"name": "parted", "kind": "soft"}]
    registered.register("sale", """, depends_on => '{"shop.parted": "hard"}'""")
    assert registered.run(found) == [{"name": "parted", "kind": "hard"}]
    changes = [
        row["details"]["changed"]["depends_on"]
        for row in registered.audited("config_changed")
        if "depends_on" in row["details"]["changed"]
    ]
    assert changes[-1] == {"old": "shop.parted soft", "new": "shop.parted hard"}
    for wrong in ('["shop.parted"]', '{"parted": "hard"}', '{"shop.parted": "firm"}'):
        message, hint = registered.refused(
            f"SELECT refresh.register_table('shop', 'sale', '{SOURCE}', depends_on => '{wrong}')"
        )
        assert message.startswith("shop.sale: depends_on has")
        assert '{"schema.name": "hard"}' in hint


@pytest.fixture
def managed(database: Database) -> Database:
    database.run("INSERT INTO refresh.managed_schema VALUES ('shop')")
    return database


def comment(table: str, text: str, kind: str = "TABLE") -> str:
    return f"COMMENT ON {kind} shop.{table} IS '" + text.replace("'", "''") + "'"


def names(database: Database) -> list[str]:
    return [
        row["table_name"] for row in database.run("SELECT table_name FROM refresh.refresh_table_registry ORDER BY 1")
    ]


def test_a_comment_registers_a_table_of_a_managed_schema(managed: Database) -> None:
    managed.run(
        comment(
            "sale", f'Sales.\n\nrefresh: {{"source": "{SOURCE}", "scope_column": "day",\n "column_map": {{"x": null}}}}'
        )
    )
    [row] = managed.run("SELECT * FROM refresh.refresh_table_registry")
    assert (row["table_name"], row["handler"], row["scope_column"], row["column_map"]) == (
        "sale",
        "generic",
        "day",
        {"x": None},
    )
    managed.run(comment("total", 'refresh: {"depends_on": {"shop.sale": "hard"}}', "MATERIALIZED VIEW"))
    assert names(managed) == ["sale", "total"]
    assert managed.run("SELECT handler FROM refresh.refresh_table_registry WHERE table_name = 'total'") == [
        {"handler": "summaries"}
    ]
    assert managed.run("SELECT depends_on_name AS name FROM refresh.refresh_dependency") == [{"name": "sale"}]


@pytest.mark.parametrize(
    "statement",
    [
        comment("sale", "Sales, which we refresh: daily"),
        comment("sale", 'norefresh: {"source": "a.b.c"}'),
        "COMMENT ON TABLE shop.sale IS NULL",
        'COMMENT ON COLUMN shop.sale.day IS \'refresh: {"source": "a.b.c"}\'',
        comment("shown", 'refresh: {"source": "a.b.c"}', "VIEW"),
        'COMMENT ON SCHEMA shop IS \'refresh: {"source": "a.b.c"}\'',
    ],
)
def test_other_comments_do_nothing(managed: Database, statement: str) -> None:
    managed.run(statement)
    assert names(managed) == []


def test_comments_elsewhere_do_nothing(database: Database) -> None:
    database.run(comment("sale", 'refresh: {"source": "a.b.c"}'))
    assert names(database) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('{"source": }', "shop.sale: the comment's refresh options cannot be used: invalid input syntax for type json"),
        ('{"source": "a.b.c"} daily', "shop.sale: the comment's refresh options cannot be used"),
        ('{"source": "a.b.c", "priority": "high"}', "shop.sale: the comment's refresh options cannot be used"),
        ('{"source": "a.b.c", "key_columns": "id"}', "shop.sale: the comment's refresh options cannot be used"),
        (
            '{"source": "a.b.c", "cadence": 1, "last_refreshed_at": null}',
            "shop.sale: unknown option cadence, last_refreshed_at",
        ),
        ('{"source": "a.b.c", "scope_column": "nope"}', "shop.sale: scope_column is nope"),
        ("{}", "shop.sale: source is missing"),
    ],
)
def test_a_comment_with_wrong_options_is_refused(managed: Database, options: str, message: str) -> None:
    refusal, hint = managed.refused(comment("sale", f"refresh: {options}"))
    assert message in refusal
    assert hint
    assert managed.run("SELECT obj_description('shop.sale'::regclass) AS said") == [{"said": None}]


def test_an_owner_without_rights_on_the_registry_registers_by_comment(managed: Database) -> None:
    managed.run(
        "CREATE SCHEMA IF NOT EXISTS shop; DROP ROLE IF EXISTS shop_owner; CREATE ROLE shop_owner;"
        "GRANT USAGE ON SCHEMA shop TO shop_owner; ALTER TABLE shop.keyless OWNER TO shop_owner; SET ROLE shop_owner"
    )
    managed.run(
        "CREATE TEMP TABLE refresh_table_registry (LIKE shop.keyless); CREATE TEMP TABLE managed_schema (x text)"
    )
    managed.run(comment("keyless", f'refresh: {{"source": "{SOURCE}"}}'))
    managed.run("RESET ROLE; ALTER TABLE shop.keyless OWNER TO postgres")
    managed.run("DROP OWNED BY shop_owner; DROP ROLE shop_owner")
    assert names(managed) == ["keyless"]
