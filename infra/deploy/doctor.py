"""What has to be there before anything is done, and the command that mends what is not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from infra.deploy.commands import gcloud, gcloud_json, output
from infra.deploy.environment import Environment
from infra.deploy.errors import DeployError

FIRST_SERVICES = (
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "serviceusage.googleapis.com",
    "storage.googleapis.com",
)
"""What Terraform needs before it can enable the rest."""

_OLDEST_TERRAFORM = (1, 9)
_ENOUGH = {"roles/owner", "roles/editor"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that is not as it has to be. Deploying mends it where `is_mended`."""

    problem: str
    remedy: str
    is_mended: bool = False


def examine(environment: Environment) -> list[Finding]:
    """Everything that is wrong, in the order in which it should be mended."""
    findings = [*_settings(environment), *_tools()]
    if any("is not installed" in one.problem for one in findings):
        return findings
    account = gcloud("auth", "list", "--filter=status:ACTIVE", "--format=value(account)").strip()
    if not account:
        return [*findings, Finding(problem="gcloud is not logged in", remedy="gcloud auth login")]
    findings += _login(environment, account)
    findings += _project(environment, account)
    return findings


def _settings(environment: Environment) -> Iterator[Finding]:
    if environment.project.startswith("example-"):
        yield Finding(
            problem=f"{environment.file.name} still has the example project {environment.project}",
            remedy=f"put your project, addresses and datasets into {environment.file}",
        )


def _tools() -> Iterator[Finding]:
    for tool, remedy in (
        ("terraform", "https://developer.hashicorp.com/terraform/install, version 1.9 or newer"),
        ("gcloud", "https://cloud.google.com/sdk/docs/install"),
    ):
        try:
            version = output([tool, "version", *(["-json"] if tool == "terraform" else [])])
        except DeployError as error:
            yield Finding(problem=str(error).splitlines()[0], remedy=remedy)
            continue
        if tool == "terraform":
            yield from _old_terraform(version, remedy)


def _old_terraform(version: str, remedy: str) -> Iterator[Finding]:
    number = str(json.loads(version)["terraform_version"])
    if tuple(int(part) for part in re.findall(r"\d+", number)[:2]) < _OLDEST_TERRAFORM:
        yield Finding(problem=f"terraform is {number}, which is too old", remedy=remedy)


def _login(environment: Environment, account: str) -> Iterator[Finding]:
    try:
        gcloud("auth", "application-default", "print-access-token", secret=True)
    except DeployError:
        yield Finding(
            problem="Terraform and the database connector have no credentials",
            remedy="gcloud auth application-default login",
        )
    listed = {one.split(":", 1)[1].lower() for one in environment.deployers if not one.startswith("group:")}
    groups = any(one.startswith("group:") for one in environment.deployers)
    if account.lower() not in listed and not groups:
        yield Finding(
            problem=f"{account} is none of the deployers in {environment.file.name}, so it may not migrate",
            remedy=f'add "user:{account}" to deployers, or: gcloud config set account ANOTHER',
        )


def _project(environment: Environment, account: str) -> Iterator[Finding]:
    project = environment.project
    try:
        state = gcloud("projects", "describe", project, "--format=value(lifecycleState)").strip()
    except DeployError:
        yield Finding(
            problem=f"project {project} does not exist, or {account} may not see it",
            remedy=f"gcloud projects create {project}, or ask its owner for access",
        )
        return
    if state != "ACTIVE":
        yield Finding(problem=f"project {project} is {state}", remedy=f"gcloud projects undelete {project}")
        return
    yield from _services(project)
    yield from _billing(project)
    yield from _rights(project, account)


def missing_services(project: str) -> list[str]:
    """Those of FIRST_SERVICES that are not enabled."""
    enabled = set(gcloud("services", "list", "--enabled", "--format=value(config.name)", project=project).split())
    return [one for one in FIRST_SERVICES if one not in enabled]


def _services(project: str) -> Iterator[Finding]:
    missing = missing_services(project)
    if missing:
        yield Finding(
            problem=f"services are not enabled: {', '.join(missing)}",
            remedy=f"gcloud services enable {' '.join(missing)} --project={project}",
            is_mended=True,
        )


def _billing(project: str) -> Iterator[Finding]:
    try:
        enabled = gcloud("billing", "projects", "describe", project, "--format=value(billingEnabled)").strip()
    except DeployError:
        return  # who deploys need not see the billing; without one the first service says so
    if enabled.lower() != "true":
        yield Finding(
            problem=f"project {project} has no billing account",
            remedy=f"gcloud billing projects link {project} --billing-account=ACCOUNT",
        )


def _rights(project: str, account: str) -> Iterator[Finding]:
    try:
        policy = gcloud_json("projects", "get-iam-policy", project)
    except DeployError:
        policy = None
    if policy is None:
        yield Finding(
            problem=f"{account} may not read the permissions of {project}",
            remedy=f"gcloud projects add-iam-policy-binding {project} --member=user:{account} --role=roles/owner",
        )
        return
    bindings = policy.get("bindings", [])
    mine = {one["role"] for one in bindings if any(m.endswith(f":{account}") for m in one["members"])}
    through_groups = any(m.startswith("group:") for one in bindings for m in one["members"])
    if not mine & _ENOUGH and not {"roles/resourcemanager.projectIamAdmin"} & mine and not through_groups:
        yield Finding(
            problem=f"{account} has no role in {project} that may deploy: {', '.join(sorted(mine)) or 'none at all'}",
            remedy=f"gcloud projects add-iam-policy-binding {project} --member=user:{account} --role=roles/owner",
        )
