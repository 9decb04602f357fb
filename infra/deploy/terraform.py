"""Terraform on a copy of infra/terraform, with the environment's settings and the release that is wanted."""

from __future__ import annotations

import json
import shutil
from typing import Any

from infra.deploy.commands import output, watch
from infra.deploy.environment import TERRAFORM, Environment
from infra.deploy.errors import DeployError
from infra.deploy.releases import Release

_NO_CHANGES, _CHANGES = 0, 2
_LOCAL_STATE = 'terraform {\n  backend "local" {}\n}\n'


class Terraform:
    """One environment's infrastructure."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._folder = environment.work_folder / "terraform"

    def prepare(self, *, remote: bool) -> None:
        """Copy the configuration and fetch the provider. `remote`: with the shared state; else with an empty one."""
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(TERRAFORM, self._folder, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", "*.plan"))
        options = ["-input=false", "-reconfigure"]
        if remote:
            options.append(f"-backend-config=bucket={self._environment.state_bucket}")
        else:
            (self._folder / "backend_override.tf").write_text(_LOCAL_STATE)
        output(["terraform", f"-chdir={self._folder}", "init", *options])

    def plan(self, release: Release) -> bool:
        """Plan the release, before the operator's eyes; whether there is anything to change."""
        (self._folder / "release.tfvars.json").write_text(json.dumps(release.variable))
        files = [f"-var-file=environments/{self._environment.name}.tfvars", "-var-file=release.tfvars.json"]
        options = ["-input=false", "-compact-warnings", "-detailed-exitcode", "-lock-timeout=300s", "-out=deploy.plan"]
        code = watch(["terraform", "plan", *options, *files], cwd=self._folder)
        if code not in (_NO_CHANGES, _CHANGES):
            raise DeployError("Terraform could not plan; what it says is above. Nothing was changed.")
        return code == _CHANGES

    def apply(self) -> None:
        """Do what was planned."""
        if watch(["terraform", "apply", "-input=false", "-lock-timeout=300s", "deploy.plan"], cwd=self._folder) != 0:
            raise DeployError("Terraform could not do all that was planned; what it says is above.")

    def outputs(self) -> dict[str, Any]:
        """What the infrastructure is like, by the names of outputs.tf."""
        found = json.loads(output(["terraform", f"-chdir={self._folder}", "output", "-json"]))
        return {name: entry["value"] for name, entry in found.items()}
