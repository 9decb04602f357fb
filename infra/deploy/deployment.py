"""A deployment, step by step: infrastructure, schema, functions, proof; and the way back."""

from __future__ import annotations

import sys
from dataclasses import replace

from infra.deploy.cloud import fill_secrets, lay_ground, upload
from infra.deploy.commands import say
from infra.deploy.database import migrate_database
from infra.deploy.doctor import Finding, examine
from infra.deploy.environment import Environment
from infra.deploy.errors import DeployError
from infra.deploy.releases import NOTHING, Release, Releases, release_of
from infra.deploy.smoke import check_api
from infra.deploy.sources import FUNCTIONS, stage
from infra.deploy.terraform import Terraform

PARTS = ("infra", "migrate", "functions")


class Deployment:
    """One call of deploy.sh. `step` is what it is at, for whoever interrupts it."""

    def __init__(self, environment: Environment, *, ask: bool) -> None:
        self.step = "looking around"
        self._environment = environment
        self._ask = ask
        self._terraform = Terraform(environment)
        self._releases = Releases(environment)

    def doctor(self) -> bool:
        """Say everything that is wrong; whether nothing is."""
        findings = examine(self._environment)
        _tell(findings)
        if not findings:
            say(f"{self._environment.name}: everything that a deployment needs is there")
        return not findings

    def plan(self) -> None:
        """Say what a deployment would do, and change nothing."""
        self._check()
        remote = self._releases.bucket_exists()
        if not remote:
            say("nothing is deployed yet: a deployment would first enable services and make the state's bucket")
        self._terraform.prepare(remote=remote)
        current = self._releases.current() if remote else NOTHING
        wanted = release_of([stage(name) for name in FUNCTIONS])
        say(f"deployed: release {current.id}; this checkout: release {wanted.id}")
        self._terraform.plan(wanted)
        say("planned only; nothing was changed, and migrations are applied when deploying")

    def deploy(self, parts: tuple[str, ...] = PARTS) -> None:
        """Deploy these parts, in their order."""
        self._check()
        lay_ground(self._environment, self._releases)
        self._terraform.prepare(remote=True)
        current = self._releases.current()
        if "infra" in parts:
            self._infrastructure(current)
        if "migrate" in parts:
            self.step = "migrating the database"
            migrate_database(self._environment, self._terraform.outputs())
        if "functions" in parts:
            self._functions(current)

    def roll_back(self) -> None:
        """Serve the release before again; after a deployment that was cut off, the one that served before it."""
        self._check()
        current, attempt = self._releases.current(), self._releases.attempt()
        if attempt is not None and attempt.id != current.id:
            target = current
        elif current.previous is not None:
            target = self._releases.get(current.previous)
        else:
            raise DeployError("there is no release before this one")
        say(f"going back to release {target.id} ({target.commit or 'commit unknown'}); the schema stays as it is")
        self._terraform.prepare(remote=True)
        self._serve(target)
        self._releases.begin(target)
        self._releases.finish(target)
        say(f"release {target.id} serves")

    def _check(self) -> None:
        findings = [one for one in examine(self._environment) if not one.is_mended]
        if findings:
            _tell(findings)
            raise DeployError("nothing was changed; mend the above and run deploy.sh again")

    def _infrastructure(self, current: Release) -> None:
        """Everything around the functions, which keep the release that they have."""
        self.step = "changing the infrastructure"
        if self._terraform.plan(current):
            self._confirm("Make these changes of the infrastructure?")
            self._terraform.apply()
        fill_secrets(self._environment, self._terraform.outputs()["empty_secrets"])

    def _functions(self, current: Release) -> None:
        self.step = "building the functions' sources"
        sources = [stage(name) for name in FUNCTIONS]
        wanted = replace(release_of(sources), previous=current.id if current is not NOTHING else None)
        if wanted.id == current.id:
            wanted = current
        outputs = self._terraform.outputs()
        if "sources_bucket" not in outputs:
            raise DeployError("there is no infrastructure yet; deploy it first: ./deploy.sh ENV --only infra")
        upload(self._environment, outputs["sources_bucket"], sources)
        self.step = "changing the functions"
        try:
            self._serve(wanted, begin=True)
        except DeployError as error:
            self._return_to(current, error)
        if wanted.id != current.id:
            self._releases.finish(wanted)
        say(f"release {wanted.id} serves")

    def _serve(self, release: Release, *, begin: bool = False) -> None:
        """Let the functions have this release, and prove that it works."""
        if self._terraform.plan(release):
            self._confirm(f"Let the functions have release {release.id}?")
            if begin:
                self._releases.begin(release)
            self._terraform.apply()
        outputs = self._terraform.outputs()
        if release.sources:
            self.step = "testing what is deployed"
            check_api(self._environment, outputs["api_url"], outputs["smoke_account"])

    def _return_to(self, release: Release, reason: DeployError) -> None:
        if isinstance(reason, Refused):
            raise reason
        if not release.sources:
            raise DeployError(f"the first deployment failed; mend it and run deploy.sh again: {reason}") from reason
        say(f"{reason}\nThe deployment failed; going back to release {release.id}.")
        self.step = f"going back to release {release.id}"
        if self._terraform.plan(release):
            self._terraform.apply()
        self._releases.begin(release)
        raise DeployError(f"the deployment failed, and release {release.id} serves as before: {reason}") from reason

    def _confirm(self, question: str) -> None:
        if not self._ask:
            return
        if not sys.stdin.isatty():
            raise Refused("nobody is there to be asked; with --yes changes are made without asking")
        if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
            raise Refused("nothing more was changed")


class Refused(DeployError):
    """The operator did not agree."""


def _tell(findings: list[Finding]) -> None:
    for one in findings:
        say(f"✗ {one.problem}\n  mend it: {one.remedy}")
