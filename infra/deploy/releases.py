"""Which release serves, and which did before: small JSON objects beside Terraform's state.

`current.json` is the release that was deployed whole; `attempt.json` is written before functions are touched, and tells
after an interrupt that they may be a mixture.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.deploy.commands import gcloud, output
from infra.deploy.environment import ROOT, Environment
from infra.deploy.errors import DeployError
from infra.deploy.sources import Source


@dataclass(frozen=True, kw_only=True)
class Release:
    """What is deployed: for each function the object with its source. The id follows from them."""

    id: str
    sources: dict[str, str]
    commit: str = ""
    previous: str | None = None

    @property
    def variable(self) -> dict[str, object]:
        """Terraform's variable `release`."""
        return {"release": {"id": self.id, "sources": self.sources}}


NOTHING = Release(id="none", sources={})


def release_of(sources: Iterable[Source], *, root: Path = ROOT) -> Release:
    """The release that these sources are."""
    objects = {source.function: source.object_name for source in sources}
    digest = hashlib.sha256(json.dumps(objects, sort_keys=True).encode()).hexdigest()
    return Release(id=digest[:12], sources=objects, commit=_commit(root))


class Releases:
    """The record of an environment's releases."""

    def __init__(self, environment: Environment) -> None:
        self._project = environment.project
        self._folder = f"gs://{environment.state_bucket}/releases"
        self._bucket = f"gs://{environment.state_bucket}"

    def bucket_exists(self) -> bool:
        """Whether anything was ever deployed here."""
        listed = gcloud("storage", "ls", project=self._project).split()
        return f"{self._bucket}/" in listed

    def current(self) -> Release:
        """The release that serves; NOTHING before the first."""
        return self._read("current") or NOTHING

    def attempt(self) -> Release | None:
        """The release whose deployment was begun last."""
        return self._read("attempt")

    def get(self, release_id: str) -> Release:
        """An earlier release."""
        found = self._read(release_id)
        if found is None:
            raise DeployError(f"release {release_id} is not recorded in {self._folder}; deploy its commit anew")
        return found

    def begin(self, release: Release) -> None:
        """Note that functions are about to change."""
        self._write(release.id, release)
        self._write("attempt", release)

    def finish(self, release: Release) -> None:
        """Note that the release serves."""
        self._write("current", release)

    def _read(self, name: str) -> Release | None:
        path = f"{self._folder}/{name}.json"
        listed = gcloud("storage", "ls", "--recursive", self._bucket, project=self._project).split()
        if path not in listed:
            return None
        return Release(**json.loads(gcloud("storage", "cat", path, project=self._project)))

    def _write(self, name: str, release: Release) -> None:
        text = json.dumps(asdict(release), indent=2)
        gcloud("storage", "cp", "-", f"{self._folder}/{name}.json", project=self._project, stdin=text)


def _commit(root: Path) -> str:
    try:
        commit = output(["git", "-C", str(root), "rev-parse", "HEAD"]).strip()
        changed = output(
            ["git", "-C", str(root), "status", "--porcelain", "--", "functions", "shared", "requirements.txt"]
        )
    except DeployError:
        return ""
    return f"{commit} with changes" if changed.strip() else commit
