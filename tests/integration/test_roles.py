"""What each database role can do, and above all what it cannot; and that the work gets done with no more."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pg8000.native
import pytest

from infra.local.postgres import Postgres
from infra.migrations.run import migrate
from shared.adapters.database_url import connection_arguments
from shared.adapters.postgres import PostgresStore
from shared.domain.errors import StoreRefused
from shared.operations.history import costs_of
from shared.ports import Row, Source
from shared.refresh.summaries import ViewRefresh
from tests.conftest import BigQueryEnv
from tests.support.control_plane import ControlPlane
from tests.support.decisions import planned
from tests.support.engine import Engine, emulated_source
from tests.support.orders import Orders

_STATEMENTS = Path(__file__).parents[2] / "shared" / "sql"
_WRITE = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM)\s+(refresh\.\w+)")

_NOBODY = {
    "rewrite the audit": "UPDATE refresh.refresh_audit_log SET event = 'other'",
    "shorten the audit": "DELETE FROM refresh.refresh_audit_log",
    "empty the audit": "TRUNCATE refresh.refresh_audit_log",
    "write into a partition of the audit": "INSERT INTO refresh.refresh_audit_log_rest (event) VALUES ('other')",
    "make a table in the control plane": "CREATE TABLE refresh.mine (id integer)",
    "make a table beside the data": "CREATE TABLE sqp.mine (id integer)",
    "make a schema": "CREATE SCHEMA mine",
    "take a constraint away": "ALTER TABLE refresh.refresh_task DROP CONSTRAINT rows_are_conserved",
    "take a trigger away": "DROP TRIGGER guard_task_move ON refresh.refresh_task",
    "change a function": "CREATE OR REPLACE FUNCTION refresh.is_terminal(status text) RETURNS boolean "
    "LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN true",
    "become the owner": "SET ROLE {owner}",
    "take a table over": "ALTER TABLE refresh.refresh_audit_log OWNER TO CURRENT_USER",
    "read the migrations' history": "SELECT * FROM refresh_migrations.applied",
    "drop a partition of the audit by hand": "SELECT refresh.keep_audit_months(1, now())",
    "empty a table at once": "TRUNCATE sqp.brands",
    "drop a table": "DROP TABLE sqp.brands",
    "forget a run": "DELETE FROM refresh.refresh_run",
}
_CANNOT = {
    "refresh_loader": _NOBODY
    | {
        "register a table": "SELECT refresh.register_table('sqp', 'brands', 'p.d.t')",
        "change a configuration": "UPDATE refresh.refresh_table_registry SET mode = 'disabled'",
        "change dependencies": "DELETE FROM refresh.refresh_dependency",
        "read webhook secrets": "SELECT secret FROM refresh.webhook_endpoint",
        "let a table register itself": "INSERT INTO refresh.managed_schema VALUES ('sqp')",
        "refresh a view by itself": "REFRESH MATERIALIZED VIEW sqp.weekly_summary",
        "take a quality finding back": "DELETE FROM refresh.refresh_data_quality",
        "take a run back": "SELECT refresh.roll_back(gen_random_uuid())",
        "build an index": "SELECT refresh.build_index('sqp', 'brands', ARRAY['client_id'])",
        "forge what a month has cost": "INSERT INTO refresh.refresh_cost_month VALUES ('2025-06-01', now(), '[]')",
    },
    "refresh_api": _NOBODY
    | {
        "write data": "DELETE FROM sqp.brands",
        "end a task": "UPDATE refresh.refresh_task SET status = 'success'",
        "forge what a job has billed": "UPDATE refresh.refresh_job_cost SET bytes_billed = 0",
        "move a checkpoint": "UPDATE refresh.refresh_checkpoint SET rows_staged = 0",
        "forge what was published": "UPDATE refresh.refresh_partition_state SET fingerprint = 'x'",
        "forge the freshness of a table": "UPDATE refresh.refresh_table_registry SET last_refreshed_at = now()",
        "change an owed message": "UPDATE refresh.refresh_outbox SET payload = NULL",
        "clean up": "SELECT refresh.cleanup()",
        "refresh a view": "SELECT refresh.refresh_view('sqp', 'weekly_summary')",
        "stage rows": "CREATE TABLE refresh_staging.mine (id integer)",
        "make a table of overwritten rows": "CREATE TABLE refresh_undo.mine (id integer)",
        "forge a publish": "UPDATE refresh.refresh_publish SET rolled_back_at = now()",
        "build an index by itself": "CREATE INDEX ON sqp.brands (brand)",
        "build an index of any table": "SELECT refresh.build_index('sqp', 'brands', ARRAY['brand'])",
    },
    "refresh_notifier": _NOBODY
    | {
        "read data": "SELECT FROM sqp.brands",
        "read quarantined rows": "SELECT FROM refresh.refresh_quarantine",
        "read the registry": "SELECT FROM refresh.refresh_table_registry",
        "make an endpoint": "INSERT INTO refresh.webhook_endpoint (url, secret) VALUES ('http://x', '')",
        "refresh a view": "SELECT refresh.refresh_view('sqp', 'weekly_summary')",
    },
    "refresh_reader": _NOBODY
    | {
        "write data": "DELETE FROM sqp.brands",
        "read quarantined rows": "SELECT FROM refresh.refresh_quarantine",
        "read webhooks": "SELECT FROM refresh.webhook_endpoint",
        "ask for a run": "SELECT refresh.request_run()",
        "take a run back": "SELECT refresh.roll_back(gen_random_uuid())",
        "read what is owed": "SELECT FROM refresh.refresh_outbox",
        "build an index": "SELECT refresh.build_index('sqp', 'brands', ARRAY['client_id'])",
    },
}


@dataclass(frozen=True, kw_only=True)
class Roles:
    """A database that a login without superuser rights has migrated, and a login of each role."""

    url: str
    owner: str

    def login(self, role: str) -> str:
        """The address of a login that has only this role."""
        return _login_url(self.url, f"{self.owner}_{role}")


def _login_url(url: str, name: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{name}:secret@{parts.hostname}:{parts.port}").geturl()


_OLDEST = Path("/usr/lib/postgresql/15/bin")
"""Where Debian has the oldest server that is supported."""


@pytest.fixture(scope="module", params=["session", "oldest"])
def server(
    request: pytest.FixtureRequest, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Postgres]:
    """The session's server, and PostgreSQL 15, where rights are given out otherwise (MAINTAIN, CREATEROLE, public)."""
    if request.param == "session":
        yield postgres
        return
    if not (_OLDEST / "postgres").exists():
        pytest.skip("PostgreSQL 15 is not on this machine")
    folder = tmp_path_factory.mktemp("oldest")
    oldest = Postgres(folder / "postgres", log=folder / "postgres.log", bin_dir=_OLDEST, settings={"fsync": "off"})
    with oldest:
        yield oldest
    oldest.remove()


@pytest.fixture(scope="module")
def roles(server: Postgres) -> Iterator[Roles]:
    """Only the event trigger asks for a superuser; on Cloud SQL cloudsqlsuperuser may make one."""
    owner = f"owner_{secrets.token_hex(4)}"
    url = server.ensure_database(owner)
    administrator = pg8000.native.Connection(**connection_arguments(url))
    administrator.run(f"CREATE ROLE {owner} LOGIN SUPERUSER CREATEROLE PASSWORD 'secret'")
    migrate(_login_url(url, owner))
    administrator.run(f"ALTER ROLE {owner} NOSUPERUSER")
    administrator.run(f"GRANT USAGE, CREATE ON SCHEMA public TO {owner}")
    for role in _CANNOT:
        administrator.run(f"GRANT {role} TO {owner} WITH ADMIN OPTION")
        administrator.run(f"CREATE ROLE {owner}_{role} LOGIN PASSWORD 'secret' IN ROLE {role}")
    administrator.close()
    yield Roles(url=_login_url(url, owner), owner=owner)
    server.drop_database(owner)
    administrator = pg8000.native.Connection(**connection_arguments(server.url))
    for role in _CANNOT:
        administrator.run(f"DROP ROLE {owner}_{role}")
    administrator.run(f"DROP ROLE {owner}")
    administrator.close()


def _run(url: str, sql: str) -> list[Row]:
    store = PostgresStore(url)
    try:
        with store.transaction() as session:
            return session.run(sql)
    finally:
        store.close()


@pytest.mark.parametrize(("role", "what"), [(role, what) for role, listed in _CANNOT.items() for what in listed])
def test_a_role_cannot(roles: Roles, role: str, what: str) -> None:
    with pytest.raises(StoreRefused) as refused:
        _run(roles.login(role), _CANNOT[role][what].format(owner=roles.owner))
    assert refused.value.sqlstate == "42501", refused.value


def test_the_owner_is_no_superuser(roles: Roles) -> None:
    (row,) = _run(roles.url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    assert row["rolsuper"] is False


def test_functions_with_the_rights_of_their_owner_name_their_path_and_are_not_for_everybody(roles: Roles) -> None:
    found = _run(
        roles.url,
        "SELECT p.oid::regprocedure::text AS name, p.proconfig, p.prorettype::regtype::text AS returns, "
        "has_function_privilege('public', p.oid, 'EXECUTE') AS for_everybody FROM pg_proc p "
        "WHERE p.prosecdef AND p.pronamespace IN ('refresh'::regnamespace, 'sqp'::regnamespace)",
    )
    assert {row["name"].split("(")[0] for row in found} >= {"refresh.cleanup", "refresh.refresh_view"}
    for row in found:
        assert any(one == "search_path=pg_catalog, pg_temp" for one in row["proconfig"]), row["name"]
        assert not row["for_everybody"] or row["returns"] in ("trigger", "event_trigger"), row["name"]


def test_every_statement_is_allowed_to_the_role_that_runs_it(roles: Roles) -> None:
    writers = ("refresh_loader", "refresh_api", "refresh_notifier")
    missing = []
    for path in sorted(_STATEMENTS.glob("*.sql")):
        for verb, table in _WRITE.findall(path.read_text(encoding="utf-8")):
            right = verb.split()[0]
            allowed = _allowed(roles, table, right, writers)
            if not allowed:
                missing.append(f"{path.name}: {right} {table}")
    assert missing == []


def _allowed(roles: Roles, table: str, right: str, writers: tuple[str, ...]) -> bool:
    test = "has_table_privilege" if right == "DELETE" else "has_any_column_privilege"
    names = ", ".join(f"'{one}'" for one in writers)
    (row,) = _run(roles.url, f"SELECT bool_or({test}(r, '{table}', '{right}')) AS ok FROM unnest(ARRAY[{names}]) AS r")
    return bool(row["ok"])


class TwoLogins:
    """The owner, who makes and registers tables, and a worker that has the loader's rights alone."""

    def __init__(self, roles: Roles, source: Source, dataset: str, query: Any) -> None:
        self.owner = Engine(roles.url, source, dataset, query)
        self.worker = Engine(roles.url, source, dataset, query)
        self.worker.store = PostgresStore(roles.login("refresh_loader"), role="refresh_loader", max_connections=2)

    def refresh(self, table: str) -> Row:
        """A run of one table by the worker; the task's row afterwards."""
        return self.worker.deliver(self.owner.task(table))

    def refresh_view(self, view: str) -> Row:
        message = self.owner.task(view)
        ViewRefresh(self.worker.runtime, message).run()
        return self.worker.state(message)


@pytest.fixture
def logins(roles: Roles, bigquery_env: BigQueryEnv, bigquery_dataset: str) -> TwoLogins:
    source = emulated_source(bigquery_env.project, bigquery_env.rest_url, bigquery_env.grpc_address)
    return TwoLogins(roles, source, bigquery_dataset, bigquery_env.client.query)


def test_the_loader_refreshes_tables_and_views_and_cleans_up_and_the_api_takes_back(
    logins: TwoLogins, roles: Roles
) -> None:
    owner, worker = logins.owner, logins.worker
    orders = Orders(owner)
    orders.days(1, 3)
    owner.sql(
        "CREATE MATERIALIZED VIEW public.totals AS SELECT day, sum(amount) AS amount FROM public.orders GROUP BY day"
    )
    owner.sql("CREATE UNIQUE INDEX ON public.totals (day)")
    owner.sql("SELECT refresh.grant_access('public')")
    owner.sql("SELECT refresh.register_table('public', 'totals', handler => 'summaries')")
    owner.sql("INSERT INTO refresh.refresh_dependency VALUES ('public', 'totals', 'public', 'orders', 'hard')")

    assert logins.refresh("public.orders")["status"] == "success"
    orders.change()
    assert logins.refresh("public.orders")["status"] == "success"
    assert orders.target() == orders.source()
    task = logins.refresh_view("public.totals")
    assert (task["status"], task["error"]) == ("success", None)
    assert owner.sql("SELECT count(*) AS days FROM public.totals")[0]["days"] == 3

    (kept,) = owner.sql("SELECT run_id, undo_table FROM refresh.refresh_publish WHERE undo_table IS NOT NULL")
    _run(roles.login("refresh_api"), f"SELECT * FROM refresh.roll_back('{kept['run_id']}', reason => 'test')")
    assert owner.sql("SELECT to_regclass('refresh_undo.' || :name) AS kept", name=kept["undo_table"]) == [
        {"kept": None}
    ]
    assert orders.target() != orders.source()
    differing = "SELECT day FROM public.totals FULL JOIN (SELECT day, sum(amount) AS n FROM public.orders GROUP BY 1) o"
    assert owner.sql(f"{differing} USING (day) WHERE amount IS DISTINCT FROM n") == []

    worker.sql("CREATE UNLOGGED TABLE refresh_staging.left_behind (id bigint)")
    (cleaned,) = worker.sql("SELECT refresh.cleanup(as_of => now() + interval '400 days') AS removed")
    assert cleaned["removed"]["staging_tables"] == 1
    assert cleaned["removed"]["checkpoints"] > 0
    assert owner.staging_tables() == []


def test_the_loader_refreshes_a_view_only_of_its_owner_and_only_a_registered_one(
    logins: TwoLogins, roles: Roles
) -> None:
    with pytest.raises(StoreRefused, match="not registered with handler summaries"):
        logins.worker.sql("SELECT refresh.refresh_view('sqp', 'quality_warnings')")


def test_what_the_loader_holds_is_decided_by_the_api_and_published_by_the_loader(
    logins: TwoLogins, roles: Roles
) -> None:
    owner, api = logins.owner, roles.login("refresh_api")
    owner.bigquery("CREATE TABLE `{d}.held` (id INT64, amount INT64)")
    owner.sql("CREATE TABLE public.held (id bigint PRIMARY KEY, amount bigint)")
    owner.sql("SELECT refresh.grant_access('public')")
    checks = '{"custom_sql": {"own": {"sql": "SELECT id FROM staged WHERE amount < 0"}}}'
    owner.register("public.held", "held", key_columns=["id"], checks=checks)
    owner.bigquery("INSERT INTO `{d}.held` VALUES (1, -1)")
    assert logins.refresh("public.held")["reason"] == "checks_held"
    assert _run(api, "SELECT refresh.refuse('public.held', 'negative', requested_by => 'ada') AS n")[0]["n"] == 1
    assert logins.refresh("public.held")["reason"] == "refused"
    (row,) = _run(api, "SELECT refresh.release('public.held', requested_by => 'ada') AS run_id")
    task = logins.worker.deliver(planned(logins.worker, row["run_id"], "public.held"))
    assert (task["status"], task["error"]) == (
        "held",
        "custom_sql(own) returned 1 row(s), and must return none; nothing was changed",
    )
    (row,) = _run(api, "SELECT refresh.release('public.held', requested_by => 'ada') AS run_id")
    task = logins.worker.deliver(planned(logins.worker, row["run_id"], "public.held"))
    assert (task["status"], task["error"], task["rows_inserted"]) == ("success", None, 1)


def test_the_orchestrator_works_as_the_loader(roles: Roles) -> None:
    plane = ControlPlane(roles.url)
    plane.run("UPDATE refresh.refresh_table_registry SET mode = 'disabled'")
    plane.register("planned")
    owner, plane.store = (
        plane.store,
        PostgresStore(roles.login("refresh_loader"), role="refresh_loader", max_connections=2),
    )
    plane.daily()
    assert plane.tasks()["planned"] == "queued"
    plane.finish("planned")
    plane.deliver_owed()
    plane.sweep()
    (run,) = plane.run("SELECT status FROM refresh.refresh_run WHERE trigger = 'schedule'")
    assert run["status"] == "success"
    owner.close()
    plane.store.close()


def test_the_api_configures_and_asks_for_runs(roles: Roles) -> None:
    api = roles.login("refresh_api")
    _run(roles.url, "CREATE TABLE public.configured (id bigint PRIMARY KEY)")
    _run(api, "SELECT refresh.register_table('public', 'configured', 'p.d.t')")
    _run(api, "UPDATE refresh.refresh_table_registry SET priority = 5 WHERE table_name = 'configured'")
    _run(api, "SELECT refresh.request_run(ARRAY['public.configured'], requested_by => 'somebody')")
    trail = _run(api, "SELECT event FROM refresh.refresh_audit_log WHERE table_name = 'configured' ORDER BY audit_id")
    assert [row["event"] for row in trail][:2] == ["table_registered", "config_changed"]


def test_what_a_month_has_cost_is_kept_by_the_api_and_forgotten_by_the_loader(roles: Roles) -> None:
    plane = ControlPlane(roles.url)
    plane.register("billed")
    plane.request("billed")
    plane.deliver_owed()
    api, loader = (PostgresStore(roles.login(role), role=role) for role in ("refresh_api", "refresh_loader"))
    job = (
        "INSERT INTO refresh.refresh_job_cost (job_id, run_id, table_schema, table_name, step, bytes_billed,"
        " settled_at, started_at) SELECT gen_random_uuid(), run_id, table_schema, table_name, 'slice', 2, now(), :at"
        " FROM refresh.refresh_task WHERE table_name = 'billed'"
    )

    def jobs() -> int:
        with api.transaction() as session:
            return int(json.loads(costs_of(session, "2025-06-01", 6.25))["jobs"])

    def bill(at: str) -> None:
        with loader.transaction() as session:
            session.run(job, at=datetime.fromisoformat(at))

    def kept() -> int:
        (row,) = plane.run("SELECT count(*)::int AS months FROM refresh.refresh_cost_month WHERE month = '2025-06-01'")
        return int(row["months"])

    bill("2025-06-15T12:00:00Z")
    assert (jobs(), kept()) == (1, 1)
    bill("2025-06-30T12:00:00Z")
    assert kept() == 0
    assert (jobs(), kept()) == (2, 1)
    for store in (plane.store, api, loader):
        store.close()


def test_the_api_has_indexes_built_by_the_owner(roles: Roles) -> None:
    api = roles.login("refresh_api")
    _run(roles.url, 'CREATE TABLE public.indexed (id bigint, day date, "Odd ""name" text)')
    _run(api, "SELECT refresh.register_table('public', 'indexed', 'p.d.t')")

    def build(columns: str, unique: bool = False) -> str:
        (row,) = _run(
            api,
            f"SELECT refresh.build_index('public', 'indexed', ARRAY[{columns}], {unique}, 'somebody') AS name",
        )
        return str(row["name"])

    first = build("'id', 'day'", unique=True)
    assert build("'id', 'day'") == build("'id', 'day'", unique=True) == first
    assert build("'day', 'id'") != first
    build("'Odd \"name'")
    kept = _run(roles.url, "SELECT indexdef FROM pg_indexes WHERE tablename = 'indexed' ORDER BY indexdef")
    assert [row["indexdef"].split(" ON ")[1] for row in kept] == [
        'public.indexed USING btree ("Odd ""name")',
        "public.indexed USING btree (day, id)",
        "public.indexed USING btree (id, day)",
    ]
    trail = _run(api, "SELECT details FROM refresh.refresh_audit_log WHERE event = 'index_built' ORDER BY audit_id")
    assert trail[0]["details"] == {
        "by": "somebody",
        "index": first,
        "ddl": "CREATE UNIQUE INDEX ON public.indexed (id, day)",
    }
    assert len(trail) == 3
    _run(api, "SELECT refresh.register_table('public', 'indexed', 'p.d.t', key_columns => '{id,day}')")


@pytest.mark.parametrize(
    ("columns", "message"), [("'nothing'", "has no column nothing"), ("NULL", "columns is"), ("", "columns is {}")]
)
def test_an_index_that_cannot_be_is_refused(roles: Roles, columns: str, message: str) -> None:
    _run(roles.url, "CREATE TABLE IF NOT EXISTS public.plain (id bigint)")
    _run(roles.url, "SELECT refresh.register_table('public', 'plain', 'p.d.t')")
    with pytest.raises(StoreRefused, match=message):
        _run(roles.login("refresh_api"), f"SELECT refresh.build_index('public', 'plain', ARRAY[{columns}]::text[])")


def test_a_connection_acts_as_the_role_that_it_was_given(roles: Roles) -> None:
    store = PostgresStore(roles.url, role="refresh_reader")
    with store.transaction() as session:
        assert session.run("SELECT current_user AS name")[0]["name"] == "refresh_reader"
    store.close()
