"""Each staged source is booted as the buildpack boots it: the bare functions-framework script, in an environment that
has only what requirements.txt names."""

from __future__ import annotations

import http.client
import io
import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from infra.deploy.environment import ROOT
from infra.deploy.sources import FUNCTIONS, stage, unpack
from infra.local.addresses import LOOPBACK, free_port
from tests.support.waiting import wait_for

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)(?: ; ([^\\]+))?", re.MULTILINE)


def _fill(site: Path) -> None:
    """Link every file of exactly the pinned distributions into a site-packages folder."""
    for name, version, _ in _PIN.findall((ROOT / "requirements.txt").read_text(encoding="utf-8")):
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # for another platform
        assert found.version == version, f"{name} {found.version} is installed, and requirements.txt says {version}"
        for file in found.files or ():
            source = Path(str(found.locate_file(file)))
            if ".." in file.parts or "__pycache__" in file.parts or not source.is_file():
                continue
            target = site / file
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.symlink_to(source)


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The functions-framework script of an environment with only requirements.txt."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    (site,) = folder.glob("lib/python3.*/site-packages")
    _fill(site)
    path = folder / "bin" / "functions-framework"
    path.write_text(f"#!{folder}/bin/python\nimport sys\nfrom functions_framework._cli import _cli\nsys.exit(_cli())\n")
    path.chmod(0o755)
    return path


class Booted:
    """A staged function that serves."""

    def __init__(self, function: str, script: Path, folder: Path) -> None:
        self.function = function
        self.port = free_port()
        unpack(stage(function), folder)
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "FUNCTION_TARGET": function,
            "PORT": str(self.port),
            "GOOGLE_CLOUD_PROJECT": "nowhere",
            "DATABASE_URL": f"postgresql://nobody:nothing@{LOOPBACK}:1/nothing",
            "BIGQUERY_EMULATOR_HOST": f"http://{LOOPBACK}:1",
            "PUBSUB_EMULATOR_HOST": f"{LOOPBACK}:1",
            "API_TOKEN": "operator",
        }
        if function == "notifier":
            environment["WEBHOOK_SECRET_KEY"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(script), "--host", LOOPBACK], cwd=folder, env=environment, stdout=log, stderr=log
            )

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def serves(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            self.ask("GET", "/robots.txt")
        except OSError:
            return False
        return True


@pytest.fixture(scope="module")
def booted(script: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Booted]]:
    """Every function, booted at once."""
    running = {name: Booted(name, script, tmp_path_factory.mktemp(name)) for name in FUNCTIONS}
    yield running
    for one in running.values():
        one.process.terminate()
    for one in running.values():
        one.process.wait(timeout=30)


@pytest.mark.parametrize("function", [name for name in FUNCTIONS if name != "api"])
def test_a_staged_function_takes_deliveries(booted: dict[str, Booted], function: str) -> None:
    one = booted[function]
    wait_for(one.serves, f"{function} to serve", timeout=120)
    status, text = one.ask("POST", "/", b"no delivery", **{"Content-Type": "application/json"})
    assert status == 400, (text, one.log.read_text())
    assert text


def test_the_staged_api_answers_for_its_health(booted: dict[str, Booted]) -> None:
    one = booted["api"]
    wait_for(one.serves, "the API to serve", timeout=120)
    assert one.ask("GET", "/api/refresh/health")[0] == 401
    status, text = one.ask("GET", "/api/refresh/health", Authorization="Bearer operator")
    assert status == 503, (text, one.log.read_text())
    assert "database" in text


def test_the_staged_api_has_its_page(booted: dict[str, Booted]) -> None:
    one = booted["api"]
    wait_for(one.serves, "the API to serve", timeout=120)
    status, text = one.ask("GET", "/")
    assert status == 401, (text, one.log.read_text())
    assert "<h1>Sign in</h1>" in text
    files = re.findall(r'"(/assets/[^"]+)"', text)
    assert len(files) > 3
    assert {one.ask("GET", file)[0] for file in files} == {200}


def test_the_same_code_has_the_same_bytes() -> None:
    first, second = stage("asin"), stage("asin")
    assert first.content == second.content
    assert first.object_name == second.object_name


def test_a_source_holds_its_entry_point_its_package_and_what_is_shared() -> None:
    with zipfile.ZipFile(io.BytesIO(stage("asin").content)) as archive:
        names = archive.namelist()
        main = archive.read("main.py").decode()
    assert names == sorted(names)
    assert [line for line in main.splitlines() if "import" in line] == ["from functions.asin.main import asin"]
    assert {"requirements.txt", "functions/asin/source.sql", "shared/wiring.py", "shared/sql/claim_task.sql"} <= set(
        names
    )
    assert {name.split("/")[0] for name in names} == {"main.py", "requirements.txt", "functions", "shared"}
    assert {name.split("/")[1] for name in names if name.startswith("functions/")} == {"__init__.py", "asin"}
    assert not [name for name in names if "__pycache__" in name]


def test_the_environment_lacks_what_is_only_for_development(script: Path) -> None:
    done = subprocess.run(
        [script.with_name("python"), "-c", "import pytest"], capture_output=True, text=True, check=False, env={}
    )
    assert "No module named 'pytest'" in done.stderr
    assert sys.prefix != str(script.parents[1])
    assert os.access(script, os.X_OK)
