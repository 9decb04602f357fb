"""The command itself: installed under its name, completed by the shell, identified by Google's tokens."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import pytest

from infra.cli.credentials import Credentials
from infra.cli.errors import CommandError, Exit
from infra.local.stack import ROOT
from tests.cli.conftest import Operator


def _complete(words: str, **env: str) -> list[str]:
    """What bash would offer for the last word of a command line."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli"],
        cwd=ROOT,
        env=os.environ
        | env
        | {"_REFRESHCTL_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split(" ")) - 1)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.split()


def test_the_console_script_is_the_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, name = project["scripts"]["refreshctl"].partition(":")
    assert callable(getattr(import_module(module), name))


def test_the_shell_completes_commands_and_tables(refreshctl: Operator) -> None:
    assert "config" in _complete("refreshctl con")
    assert _complete("refreshctl webhooks redel") == ["redeliver"]
    table = refreshctl.table("orders")
    assert _complete(f"refreshctl config get {refreshctl.schema}.o", **refreshctl.env) == [table]
    assert _complete("refreshctl config get shop.o", API_URL="http://127.0.0.1:1", API_TOKEN="x") == []


def _gcloud(folder: Path, text: str) -> Mapping[str, str]:
    script = folder / "gcloud"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_in_the_cloud_the_token_is_googles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", _gcloud(tmp_path, 'echo "token for $*"')["PATH"])
    url = "https://refresh-api.example.com"
    own = Credentials(url=url, token=None, impersonate=None).headers
    assert own["Authorization"] == "Bearer token for auth print-identity-token --quiet"
    assert own["X-Serverless-Authorization"] == own["Authorization"]
    other = Credentials(url=url, token=None, impersonate="caller@example.com").headers["Authorization"]
    assert "--impersonate-service-account=caller@example.com" in other
    assert f"--audiences={url}" in other
    assert Credentials(url=url, token="given", impersonate=None).headers["Authorization"] == "Bearer given"


def test_who_is_not_logged_in_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", _gcloud(tmp_path, "echo 'ERROR: no active account' >&2; exit 1")["PATH"])
    with pytest.raises(CommandError, match=r"no active account.*gcloud auth login") as found:
        _ = Credentials(url="https://refresh-api.example.com", token=None, impersonate=None).headers
    assert found.value.code is Exit.REFUSED


def test_without_gcloud_the_default_credentials_are_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(CommandError, match="no identity token of Google") as found:
        _ = Credentials(url="https://refresh-api.example.com", token=None, impersonate="a@example.com").headers
    assert found.value.code is Exit.REFUSED
