"""Whether the deployed API answers, and says that every component is well."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from http import HTTPStatus

from infra.deploy.commands import gcloud, say
from infra.deploy.environment import Environment
from infra.deploy.errors import DeployError

_PATH = "/api/refresh/health"
_PAUSE_SECONDS = 5.0
_TIMEOUT_SECONDS = 30.0
_SHOWN = 1_000


def check_api(environment: Environment, url: str, account: str) -> None:
    """Ask the API for its health as the smoke test's account, for a minute, since new permissions take a while.

    REFRESH_SMOKE_SECONDS is another time to ask for.
    """
    token = gcloud(
        "auth",
        "print-identity-token",
        f"--impersonate-service-account={account}",
        f"--audiences={url}",
        "--include-email",
        project=environment.project,
        secret=True,
    ).strip()
    deadline = time.monotonic() + float(os.environ.get("REFRESH_SMOKE_SECONDS", "60"))
    while True:
        status, answer = _get(url + _PATH, token)
        if status == HTTPStatus.OK:
            say(f"the API at {url} is well")
            return
        if time.monotonic() >= deadline:
            raise DeployError(f"the API at {url}{_PATH} is not well: {answer[:_SHOWN]}")
        time.sleep(_PAUSE_SECONDS)


def _get(url: str, token: str) -> tuple[int, str]:
    """Cloud Run checks the one header and takes its signature away, so the API gets the other."""
    headers = {"Authorization": f"Bearer {token}", "X-Serverless-Authorization": f"Bearer {token}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_SECONDS) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, f"HTTP {error.code}: {error.read().decode(errors='replace')}"
    except OSError as error:
        return 0, f"it cannot be reached: {error}"
