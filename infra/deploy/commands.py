"""Running other programs: what is said, what is kept quiet, and what their failures become."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.deploy.errors import DeployError

_SHOWN = 1_500


def say(text: str) -> None:
    """Tell the operator."""
    print(text, flush=True)


def output(command: Sequence[str], *, stdin: str | None = None, secret: bool = False) -> str:
    """What a program writes. DeployError with its own words when it fails; none of them where they may be `secret`."""
    try:
        done = subprocess.run(list(command), input=stdin, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise DeployError(f"{command[0]} is not installed") from None
    if done.returncode != 0:
        words = "" if secret else f":\n{(done.stderr or done.stdout).strip()[-_SHOWN:]}"
        raise DeployError(f"{' '.join(command[:4])} … failed (exit code {done.returncode}){words}")
    return done.stdout


def gcloud(*arguments: str, project: str | None = None, stdin: str | None = None, secret: bool = False) -> str:
    """What gcloud writes, without its questions."""
    scope = [f"--project={project}"] if project else []
    return output(["gcloud", *arguments, *scope, "--quiet"], stdin=stdin, secret=secret)


def gcloud_json(*arguments: str, project: str | None = None) -> Any:
    """What gcloud answers, as data."""
    return json.loads(gcloud(*arguments, "--format=json", project=project) or "null")


def watch(command: Sequence[str], *, cwd: Path) -> int:
    """Run a program before the operator's eyes; its exit code. An interrupt reaches it too, and it is waited for."""
    environment = os.environ | {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0"}
    process = subprocess.Popen(list(command), cwd=cwd, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.wait()
        raise
