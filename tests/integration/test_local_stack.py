"""The contract of `python -m infra.local up`, on real processes."""

import base64
import shutil
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from infra.local import env_file
from infra.local.postgres import Postgres, connect
from infra.local.process import OWNER, PartFailedError
from infra.local.pubsub import official_emulator
from infra.local.reaper import owned
from infra.local.stack import Stack
from tests.support.stack import project_with, up
from tests.support.waiting import wait_for

ECHO = "def {name}(request):\n    print('got', request.get_data(as_text=True), flush=True)\n    return 'ok'\n"
ALWAYS = {
    "DATABASE_URL",
    "GOOGLE_CLOUD_PROJECT",
    "BIGQUERY_EMULATOR_HOST",
    "BIGQUERY_STORAGE_EMULATOR_HOST",
    "PUBSUB_EMULATOR_HOST",
    "API_TOKEN",
    "API_VIEWER_TOKEN",
}


def _listeners(processes: list[psutil.Process]) -> set[str]:
    return {
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Whatever the test starts in this process is gone at its end; the session's servers were there before."""
    before = set(owned(OWNER))
    yield
    assert set(owned(OWNER)) - before == set()


def _remove_database(data_dir: Path) -> None:
    """As root the database may lie outside of the test's folder, where pytest does not clean up."""
    Postgres(data_dir / "postgres", log=data_dir / "postgres.log").remove()


def test_up_writes_the_env_file_listens_on_loopback_and_leaves_nothing(tmp_path: Path) -> None:
    file = tmp_path / "stack.env"
    file.write_text("DATABASE_URL=of an earlier stack\n")
    with up(file, "--empty", "--bus", "embedded") as stack:
        wait_for(lambda: not file.exists(), "the old file to go")
        stack.wait_ready()
        env = stack.env
        assert set(env) >= ALWAYS
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert env["BIGQUERY_EMULATOR_HOST"].startswith("http://127.0.0.1:")
        for key, value in env.items():
            if key.startswith("FUNCTION_PID_"):
                assert psutil.pid_exists(int(value))
                assert key == "FUNCTION_PID_API" or key.replace("PID", "URL") in env
        with connect(env["DATABASE_URL"]) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT rolsuper, inet_server_addr()::text FROM pg_roles WHERE rolname = current_user")
            assert cursor.fetchone() == [True, "127.0.0.1/32"]
        processes = stack.processes()
        assert len(processes) >= 3
        assert _listeners(processes) <= {"127.0.0.1", "::ffff:127.0.0.1"}
        code, output = stack.end(signal.SIGTERM)
        assert code == 0, output
        assert stack.processes() == []
        assert not any(process.is_running() for process in processes)
        assert not file.exists()


@pytest.mark.usefixtures("nothing_left")
def test_a_given_data_dir_keeps_data_and_logs_for_the_next_start(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with Stack(data_dir=data_dir, empty=True, bus="embedded", functions=False) as first:
        with connect(first.postgres.url) as connection:
            connection.cursor().execute("CREATE TABLE kept AS SELECT 42 AS x")
        client = first.bigquery.client()
        client.create_dataset("kept")
        client.query("CREATE TABLE kept.numbers AS SELECT 42 AS x").result()
    with Stack(data_dir=data_dir, empty=True, bus="embedded", functions=False) as second:
        with connect(second.postgres.url) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT x FROM kept")
            assert cursor.fetchone() == [42]
        rows = second.bigquery.client().query("SELECT x FROM kept.numbers").result()
        assert [row.x for row in rows] == [42]
    _remove_database(data_dir)
    assert (data_dir / "logs" / "postgres.log").exists()


def test_a_killed_stack_takes_its_parts_with_it(tmp_path: Path) -> None:
    with up(tmp_path / "stack.env", "--empty", "--bus", "embedded", env={"TMPDIR": str(tmp_path)}) as stack:
        stack.wait_ready()
        assert stack.processes()
        stack.process.kill()
        stack.process.wait()
        wait_for(lambda: not stack.processes(), "the parts to end")
        wait_for(lambda: not list(tmp_path.glob("refresh-stack-*")), "the temporary folder to go")


def test_a_second_signal_while_it_stops_does_no_harm(tmp_path: Path) -> None:
    with up(tmp_path / "stack.env", "--empty", "--bus", "embedded") as stack:
        wait_for(stack.processes, "the first process")
        stack.process.send_signal(signal.SIGINT)
        code, output = stack.end(signal.SIGTERM)
        assert code == 0, output
        assert stack.processes() == []


def test_a_part_that_does_not_start_is_named_with_its_log(tmp_path: Path) -> None:
    with Postgres(tmp_path / "data" / "postgres", log=tmp_path / "postgres.log") as server:
        version = server.cluster / "PG_VERSION"
    version.write_text("9.1\n")
    with up(tmp_path / "stack.env", "--empty", "--data-dir", str(tmp_path / "data")) as stack:
        output, _ = stack.process.communicate(timeout=60)
    assert stack.process.returncode == 1
    assert "the stack did not start\npostgres: ended with exit code" in output
    assert f"log: {tmp_path}/data/logs/postgres.log\n  | " in output
    assert "Traceback" not in output
    assert stack.processes() == []
    server.remove()


@pytest.mark.usefixtures("nothing_left")
def test_the_log_of_a_failed_start_is_kept_although_the_data_were_temporary(tmp_path: Path) -> None:
    root = project_with(tmp_path, {"asin": "raise RuntimeError('no such thing')\n"})
    stack = Stack(empty=True, bus="embedded", root=root)
    with pytest.raises(PartFailedError) as caught:
        stack.__enter__()
    assert caught.value.log is not None
    assert "no such thing" in caught.value.log.read_text()
    assert [entry.name for entry in stack.data_dir.iterdir()] == ["logs"]
    shutil.rmtree(stack.data_dir)


def test_a_wrong_schedule_is_refused_with_what_is_allowed(tmp_path: Path) -> None:
    with up(tmp_path / "stack.env", "--empty", env={"REFRESH_SCHEDULE": "every morning"}) as stack:
        output, _ = stack.process.communicate(timeout=60)
    assert stack.process.returncode == 1
    assert "scheduler: REFRESH_SCHEDULE is 'every morning', but must be a cron expression" in output


@pytest.mark.usefixtures("nothing_left")
def test_a_function_that_cannot_be_loaded_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    root = project_with(tmp_path, {"asin": "raise RuntimeError('no such thing')\n"})
    with pytest.raises(PartFailedError, match=r"(?s)function asin: ended with exit code 1.*no such thing"):
        Stack(empty=True, bus="embedded", root=root, data_dir=tmp_path / "data").__enter__()
    _remove_database(tmp_path / "data")


BUSES = [
    "embedded",
    pytest.param(
        "official",
        marks=pytest.mark.skipif(official_emulator() is None, reason="the official Pub/Sub emulator is not installed"),
    ),
]


@pytest.mark.parametrize("bus", BUSES)
@pytest.mark.usefixtures("nothing_left")
def test_the_scheduler_reaches_a_function_which_is_started_again_whenever_it_dies(tmp_path: Path, bus: str) -> None:
    root = project_with(tmp_path, {name: ECHO.format(name=name) for name in ("orchestrator", "api")})
    file = tmp_path / "stack.env"
    with Stack(empty=True, bus=bus, root=root, file=file) as stack:  # type: ignore[arg-type]
        assert set(stack.env) == ALWAYS | {
            "API_URL",
            "FUNCTION_PID_API",
            "FUNCTION_URL_ORCHESTRATOR",
            "FUNCTION_PID_ORCHESTRATOR",
        }
        assert psutil.Process(int(stack.env["FUNCTION_PID_API"])).parent() in owned(OWNER)
        log = stack.logs / "function-orchestrator.log"
        for said, kill in enumerate((_kill_worker, _kill_master, _stop_master), start=1):
            before = env_file.read(file)
            stack.scheduler.publish({"version": 1, "kind": "sweep"})
            wait_for(lambda n=said: log.read_text().count("got {") >= n, "the message")  # type: ignore[misc]
            kill(int(before["FUNCTION_PID_ORCHESTRATOR"]))
            wait_for(lambda old=before: env_file.read(file) != old, "the new process id")  # type: ignore[misc]
            after = env_file.read(file)
            changed = {key for key in after if after[key] != before[key]}
            assert changed == {"FUNCTION_PID_ORCHESTRATOR"}
            assert after == stack.env
        stack.scheduler.publish({"version": 1, "kind": "daily"})
        daily = base64.b64encode(b'{"version":1,"kind":"daily"}').decode()
        wait_for(lambda: daily in log.read_text(), "the last message")


def _kill_worker(pid: int) -> None:
    psutil.Process(pid).kill()


def _kill_master(pid: int) -> None:
    master = psutil.Process(pid).parent()
    assert master is not None
    master.kill()


def _stop_master(pid: int) -> None:
    master = psutil.Process(pid).parent()
    assert master is not None
    master.terminate()
