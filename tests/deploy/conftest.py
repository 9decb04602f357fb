"""A cloud that is not there: stand-ins for gcloud and terraform, an API that answers, and a copy of the project."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.environment import ROOT

HERE = Path(__file__).parent
ACCOUNT = "somebody@example.org"
TOKEN = "token-that-nobody-may-see"
_SETTINGS = f"""\
project_id      = "refresh-test-project"
environment     = "testing"
region          = "europe-west1"
deployers       = ["user:{ACCOUNT}"]
alert_emails    = ["{ACCOUNT}"]
source_datasets = ["warehouse.sqp"]
database        = {{ url_secret = "database-url" }}
"""


class Api:
    """What the smoke test asks; `status` is what it answers with."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[str, dict[str, str]]] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.requests.append((self.path, dict(self.headers)))
                self.send_response(api.status)
                self.end_headers()
                self.wfile.write(b'{"status": "as it is"}')

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Done:
    """A call of deploy.sh that has ended."""

    code: int
    text: str


@dataclass
class Cloud:
    """The stand-ins' state, and the copy of the project that is deployed to it."""

    state: Path
    project: Path
    api: Api
    database_url: str
    path: str
    texts: list[str] = field(default_factory=list)

    def start(self, *arguments: str, path: str | None = None) -> subprocess.Popen[str]:
        """Begin a deployment."""
        environment = {
            "PATH": path or self.path,
            "HOME": str(self.state),
            "STANDIN_STATE": str(self.state),
            "REFRESH_PYTHON": sys.executable,
            "REFRESH_SMOKE_SECONDS": "0",
        }
        return subprocess.Popen(
            [str(self.project / "deploy.sh"), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def deploy(self, *arguments: str, path: str | None = None) -> Done:
        """Run deploy.sh to its end."""
        return self.ended(self.start(*arguments, path=path))

    def ended(self, process: subprocess.Popen[str]) -> Done:
        text, _ = process.communicate(timeout=120)
        self.texts.append(text)
        return Done(code=process.returncode, text=text)

    def interrupt(self, process: subprocess.Popen[str]) -> Done:
        """Ctrl-C: the whole foreground group gets the signal."""
        os.killpg(process.pid, signal.SIGINT)
        return self.ended(process)

    def calls(self, program: str = "gcloud") -> list[list[str]]:
        """Every call of a stand-in so far."""
        file = self.state / f"{program}.calls"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def forget_calls(self) -> None:
        for program in ("gcloud", "terraform"):
            (self.state / f"{program}.calls").unlink(missing_ok=True)

    def order(self, *orders: str) -> None:
        """What becomes of the next applies."""
        (self.state / "terraform.orders").write_text("\n".join(orders))

    def snapshot(self) -> dict[str, bytes]:
        """All that a deployment changes."""
        kept = [self.state / "cloud.json", self.state / "terraform.json", *(self.state / "objects").rglob("*")]
        return {str(path): path.read_bytes() for path in kept if path.is_file()}

    def serving(self) -> dict[str, str]:
        """The source that each function has."""
        sources: dict[str, str] = json.loads((self.state / "terraform.json").read_text())["sources"]
        return sources

    def release(self, name: str = "current") -> dict[str, Any]:
        folder = self.state / "objects" / "refresh-test-project-refresh-terraform" / "releases"
        found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
        return found

    def change_code(self, text: str = "# changed\n") -> None:
        """Another commit: the generic worker's code differs."""
        file = self.project / "functions" / "generic" / "main.py"
        file.write_text(file.read_text() + text)


@pytest.fixture
def cloud(tmp_path: Path, postgres_url: str) -> Iterator[Cloud]:
    """An empty project, with a database whose address is in a secret."""
    state = tmp_path / "state"
    (state / "objects").mkdir(parents=True)
    api = Api()
    start = {
        "account": ACCOUNT,
        "token": TOKEN,
        "projects": ["refresh-test-project"],
        "services": ["serviceusage.googleapis.com", "storage.googleapis.com"],
        "buckets": {},
        "secrets": {"database-url": [postgres_url]},
    }
    (state / "cloud.json").write_text(json.dumps(start, indent=1, sort_keys=True))
    outputs = {
        "sources_bucket": "refresh-test-project-refresh-sources",
        "api_url": api.url,
        "smoke_account": "refresh-smoke@refresh-test-project.iam.gserviceaccount.com",
        "database": None,
        "database_url_secret": "database-url",
        "empty_secrets": ["refresh-webhook-key"],
    }
    (state / "outputs.json").write_text(json.dumps(outputs))
    yield Cloud(
        state=state,
        project=_copy(tmp_path / "project"),
        api=api,
        database_url=postgres_url,
        path=_tools(tmp_path / "bin"),
    )
    api.close()


def _copy(folder: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("functions", "shared", "infra"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("deploy.sh", "requirements.txt"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "infra" / "terraform" / "environments" / "testing.tfvars").write_text(_SETTINGS)
    return folder


def _tools(folder: Path) -> str:
    folder.mkdir()
    for name in ("gcloud", "terraform"):
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{HERE}/standin_{name}.py" "$@"\n')
        script.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"
