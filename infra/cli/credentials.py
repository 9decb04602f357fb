"""The token that the command sends: the one that it is given, or Google's for whoever is logged in."""

from __future__ import annotations

import shutil
import subprocess
from functools import cached_property
from urllib.parse import urlsplit

from infra.cli.errors import CommandError, Exit, usage

_GCLOUD_SECONDS = 60
_LOGIN = "set API_TOKEN, or log in: gcloud auth login, and --impersonate with an account that may call the API"


class Credentials:
    """Who calls the API at `url`. A token is looked for when it is first needed."""

    def __init__(self, *, url: str, token: str | None, impersonate: str | None) -> None:
        self._url = url
        self._given = token
        self._impersonate = impersonate

    @cached_property
    def headers(self) -> dict[str, str]:
        """Headers that prove it. Cloud Run takes the signature out of the one that it checks, so it gets its own."""
        bearer = f"Bearer {self._token()}"
        if urlsplit(self._url).scheme == "http":
            return {"Authorization": bearer}
        return {"Authorization": bearer, "X-Serverless-Authorization": bearer}

    def _token(self) -> str:
        if self._given is not None:
            return self._given
        if urlsplit(self._url).scheme == "http":
            raise usage(f"{self._url} takes a token: set API_TOKEN, or give --token")
        if shutil.which("gcloud"):
            return _by_gcloud(self._url, self._impersonate)
        return _by_default_credentials(self._url, self._impersonate)


def _by_gcloud(audience: str, impersonate: str | None) -> str:
    options = []
    if impersonate is not None:
        options = [f"--impersonate-service-account={impersonate}", f"--audiences={audience}", "--include-email"]
    command = ["gcloud", "auth", "print-identity-token", "--quiet", *options]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_GCLOUD_SECONDS, check=False
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise CommandError(Exit.REFUSED, f"gcloud has no identity token ({reason}); {_LOGIN}")
    return done.stdout.strip()


def _by_default_credentials(audience: str, impersonate: str | None) -> str:
    import google.auth
    from google.auth import impersonated_credentials
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2 import id_token

    try:
        if impersonate is None:
            return str(id_token.fetch_id_token(Request(), audience))
        own, _ = google.auth.default()
        target = impersonated_credentials.Credentials(
            source_credentials=own,
            target_principal=impersonate,
            target_scopes=["https://www.googleapis.com/auth/cloud-platform"],
        )
        proof = impersonated_credentials.IDTokenCredentials(target, target_audience=audience, include_email=True)
        proof.refresh(Request())
        return str(proof.token)
    except GoogleAuthError as error:
        raise CommandError(Exit.REFUSED, f"there is no identity token of Google ({error}); {_LOGIN}") from error
