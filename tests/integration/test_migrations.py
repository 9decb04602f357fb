"""The migrations runner on a real server: once each, wholly or not at all, and what the sum of the files is."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pg8000.native
import pytest

from infra.local.postgres import Postgres
from infra.migrations import run
from infra.migrations.__main__ import main
from infra.migrations.files import MigrationError, MigrationFile, read_files
from infra.migrations.snapshot import SNAPSHOT, schema_of
from shared.adapters.database_url import connection_arguments

NAMES = [file.name for file in read_files()]


@contextmanager
def connected(url: str) -> Iterator[pg8000.native.Connection]:
    with pg8000.native.Connection(**connection_arguments(url)) as connection:
        yield connection


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, sql in files.items():
        (folder / f"{name[1:]}.sql").write_text(sql)
    return folder


def test_applies_each_file_once(postgres_url: str) -> None:
    assert run.status(postgres_url) == ([], NAMES)
    assert run.migrate(postgres_url) == NAMES
    assert run.migrate(postgres_url) == []
    assert run.status(postgres_url) == (NAMES, [])


def test_the_sum_of_the_files_is_the_declared_schema(migrated_url: str) -> None:
    assert schema_of(migrated_url) == SNAPSHOT.read_text(encoding="utf-8"), (
        "the migrations do not add up to infra/migrations/schema.sql: "
        "read the difference, then run python -m infra.migrations snapshot"
    )


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE refresh.refresh_outbox ADD COLUMN more text",
        "ALTER TABLE refresh.refresh_outbox ALTER COLUMN topic DROP NOT NULL",
        "ALTER TABLE refresh.refresh_task DROP CONSTRAINT rows_are_conserved",
        "DROP INDEX refresh.refresh_run_open",
        "DROP TRIGGER insert_only ON refresh.refresh_audit_log",
        "DROP EVENT TRIGGER refresh_register_commented",
        "GRANT EXECUTE ON FUNCTION refresh.cleanup TO PUBLIC",
        "COMMENT ON TABLE refresh.refresh_outbox IS 'Other.'",
    ],
)
def test_the_snapshot_sees_a_drifted_schema(migrated_url: str, change: str) -> None:
    with connected(migrated_url) as connection:
        connection.run(change)
    assert schema_of(migrated_url) != SNAPSHOT.read_text(encoding="utf-8")


def test_two_at_once_apply_each_file_once(postgres_url: str) -> None:
    command = [sys.executable, "-m", "infra.migrations"]
    environment = os.environ | {"DATABASE_URL": postgres_url}
    with connected(postgres_url) as connection:
        connection.run(f"SELECT pg_advisory_lock({run._ADVISORY_LOCK})")
        runners = [
            subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            for _ in range(2)
        ]
        wait_for_waiting(connection, 2)
    outputs = sorted((runner.communicate(timeout=60)[0] for runner in runners), key=len)
    assert [runner.returncode for runner in runners] == [0, 0]
    assert outputs[0] == "nothing to apply; the database is up to date\n"
    assert outputs[1].splitlines() == [*(f"applied {name}" for name in NAMES), f"{len(NAMES)} applied"]


def wait_for_waiting(connection: pg8000.native.Connection, expected: int) -> None:
    deadline = time.monotonic() + 60
    count = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while connection.run(count)[0][0] < expected:
        assert time.monotonic() < deadline, "the runners did not come to the lock"
        time.sleep(0.02)


def test_a_failing_file_leaves_nothing_and_says_where(postgres_url: str, tmp_path: Path) -> None:
    folder = write(
        tmp_path / "sql",
        _0001_first="CREATE TABLE public.kept (id int);",
        _0002_second="-- why\nCREATE TABLE public.gone (id int);\n\nINSERT INTO public.gone\nVALUES ('x');\n",
    )
    with pytest.raises(
        MigrationError, match=r"0002_second\.sql, line 5: .*invalid input syntax.*\n.*INSERT INTO public\.gone"
    ):
        run.migrate(postgres_url, folder=folder)
    with connected(postgres_url) as connection:
        assert connection.run("SELECT to_regclass('public.kept') IS NULL, to_regclass('public.gone') IS NULL") == [
            [False, True]
        ]
    write(folder, _0002_second="CREATE TABLE public.gone (id int);")
    assert run.migrate(postgres_url, folder=folder) == ["0002_second"]


def test_an_error_without_a_position_names_the_statement(postgres_url: str, tmp_path: Path) -> None:
    sql = (
        "CREATE TABLE public.t (i int);\nINSERT INTO public.t VALUES (1), (1);\n\nCREATE UNIQUE INDEX ON public.t (i);"
    )
    with pytest.raises(MigrationError, match=r"line 4: could not create unique index(.|\n)*in: CREATE UNIQUE INDEX"):
        run.migrate(postgres_url, folder=write(tmp_path / "sql", _0001_t=sql))


def test_files_name_every_schema(postgres_url: str, tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="no schema has been selected"):
        run.migrate(postgres_url, folder=write(tmp_path / "sql", _0001_t="CREATE TABLE t (id int);"))


def test_what_was_applied_cannot_change_vanish_or_come_late(postgres_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "sql", _0001_a="SELECT 1;", _0003_c="SELECT 3;")
    run.migrate(postgres_url, folder=folder)
    write(folder, _0001_a="SELECT 2;")
    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed after it was applied; restore it"):
        run.migrate(postgres_url, folder=folder)
    (folder / "0001_a.sql").unlink()
    with pytest.raises(MigrationError, match=r"0001_a\.sql was applied to this database and is missing"):
        run.migrate(postgres_url, folder=folder)
    write(folder, _0001_a="SELECT 1;", _0002_b="SELECT 2;")
    with pytest.raises(
        MigrationError, match=r"0002_b\.sql comes before 0003_c\.sql, which is applied; give it a higher"
    ):
        run.migrate(postgres_url, folder=folder)


def test_an_older_release_leaves_a_newer_schema_alone(postgres_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "sql", _0001_a="SELECT 1;", _0002_b="SELECT 2;")
    run.migrate(postgres_url, folder=folder)
    (folder / "0002_b.sql").unlink()
    assert run.migrate(postgres_url, folder=folder) == []


def test_file_names_and_numbers_are_checked(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match=r"1_short\.sql: call it NNNN_"):
        read_files(write(tmp_path / "names", _1_short=""))
    with pytest.raises(MigrationError, match=r"0001_a\.sql and 0001_b\.sql have the same number"):
        read_files(write(tmp_path / "numbers", _0001_a="", _0001_b=""))


def test_a_file_cannot_end_its_transaction() -> None:
    file = MigrationFile(name="0001_a", sql="SELECT 1;\ncommit;")
    with pytest.raises(MigrationError, match=r"0001_a\.sql, line 2: COMMIT is not allowed"):
        file.statements()


def test_statements_are_told_apart() -> None:
    pieces = [
        "SELECT ';', E'\\';', \"a;b\"",
        "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS $body$ BEGIN RETURN $$;$$; END $body$",
        "SELECT $1, 'it''s; fine' /* ; */",
    ]
    file = MigrationFile(name="0001_a", sql="-- first; one\n" + ";\n\n-- next;\n".join(pieces) + ";\n-- end;\n")
    assert [statement.sql for statement in file.statements()] == pieces
    assert [statement.line for statement in file.statements()] == [2, 5, 8]


def test_an_old_server_is_refused(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "OLDEST_SERVER", 99)
    with pytest.raises(MigrationError, match=r"the server is PostgreSQL 1\d.*; PostgreSQL 99 or newer is needed"):
        run.migrate(postgres_url)


def test_a_database_that_cannot_hold_every_text_is_refused(postgres: Postgres) -> None:
    with connected(postgres.url) as connection:
        connection.run("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'")
    with pytest.raises(MigrationError, match="encoding is LATIN1; make it anew with ENCODING 'UTF8'"):
        run.migrate(postgres.url_of("latin"))
    postgres.drop_database("latin")


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(MigrationError, match=r"cannot connect to 127\.0\.0\.1:1/refresh") as caught:
        run.migrate("postgresql://someone:secret@127.0.0.1:1/refresh")
    assert "secret" not in str(caught.value)


def test_the_command_reports(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert main([]) == 2
    assert "DATABASE_URL" in capsys.readouterr().err
    assert main(["--database-url", postgres_url]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{len(NAMES)} applied"
    assert main(["status", "--database-url", postgres_url]) == 0
    assert capsys.readouterr().out.splitlines() == [f"applied {name}" for name in NAMES]
    assert main(["--database-url", "mysql://x"]) == 1
    assert "must be postgresql://" in capsys.readouterr().err


def test_the_state_of_shadows_has_the_columns_of_the_partition_state(migrated_url: str) -> None:
    """Statements about one are made about the other (shared/refresh/state.py): a column of one is one of both."""
    columns = (
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
        " WHERE attrelid = CAST(:name AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attname"
    )
    with pg8000.native.Connection(**connection_arguments(migrated_url)) as connection:
        of_shadows, of_tables = (
            connection.run(columns, name=f"refresh.refresh_{name}") for name in ("shadow_state", "partition_state")
        )
    assert of_shadows == of_tables
