"""The settings of an environment that have to be known before Terraform runs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from infra.deploy.errors import DeployError

ROOT = Path(__file__).parents[2]
TERRAFORM = ROOT / "infra" / "terraform"

_TEXT = r'^{name}\s*=\s*"([^"]*)"'
_LIST = r"^{name}\s*=\s*\[([^\]]*)\]"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One file of `infra/terraform/environments`."""

    name: str
    file: Path
    project: str
    region: str
    deployers: tuple[str, ...]

    @property
    def state_bucket(self) -> str:
        """Holds Terraform's state, and which release is deployed."""
        return f"{self.project}-refresh-terraform"

    @property
    def work_folder(self) -> Path:
        """Where this machine keeps what a deployment needs; may be deleted at any time."""
        return ROOT / ".data" / "deploy" / self.name


def read_environment(name: str, *, folder: Path = TERRAFORM / "environments") -> Environment:
    """The environment of that name. DeployError names those that there are, or what its file lacks."""
    file = folder / f"{name}.tfvars"
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or not file.is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.tfvars"))) or "none"
        raise DeployError(
            f"there is no environment {name}. There are: {known}. Copy one of them to {folder}/NAME.tfvars for another."
        )
    text = file.read_text(encoding="utf-8")
    return Environment(
        name=name,
        file=file,
        project=_text(text, "project_id", file),
        region=_text(text, "region", file, default="europe-west1"),
        deployers=tuple(re.findall(r'"([^"]*)"', _found(text, _LIST, "deployers", file))),
    )


def _text(text: str, name: str, file: Path, default: str | None = None) -> str:
    try:
        return _found(text, _TEXT, name, file)
    except DeployError:
        if default is None:
            raise
        return default


def _found(text: str, pattern: str, name: str, file: Path) -> str:
    match = re.search(pattern.format(name=name), text, re.MULTILINE)
    if match is None:
        raise DeployError(f"{file}: {name} is missing; see infra/terraform/variables.tf for what it is")
    return match[1]
