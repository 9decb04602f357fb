"""What gcloud does beside Terraform: the first services and the state's bucket, sources, and the first secrets."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable

from infra.deploy.commands import gcloud, gcloud_json, say
from infra.deploy.doctor import missing_services
from infra.deploy.environment import Environment
from infra.deploy.releases import Releases
from infra.deploy.sources import Source


def lay_ground(environment: Environment, releases: Releases) -> None:
    """Enable what Terraform needs, and make the bucket of its state. Does nothing where that has been done."""
    project, bucket = environment.project, f"gs://{environment.state_bucket}"
    missing = missing_services(project)
    if missing:
        say(f"enabling {', '.join(missing)}")
        gcloud("services", "enable", *missing, project=project)
    if not releases.bucket_exists():
        say(f"making {bucket} for Terraform's state")
        closed = ["--uniform-bucket-level-access", "--public-access-prevention"]
        gcloud("storage", "buckets", "create", bucket, f"--location={environment.region}", *closed, project=project)
    if not gcloud_json("storage", "buckets", "describe", bucket, project=project).get("versioning_enabled"):
        gcloud("storage", "buckets", "update", bucket, "--versioning", project=project)


def upload(environment: Environment, bucket: str, sources: Iterable[Source]) -> None:
    """Put the staged sources into their bucket, those that are not there yet."""
    there = set(gcloud("storage", "ls", "--recursive", f"gs://{bucket}", project=environment.project).split())
    folder = environment.work_folder / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    for source in sources:
        path = f"gs://{bucket}/{source.object_name}"
        if path in there:
            continue
        file = folder / f"{source.function}.zip"
        file.write_bytes(source.content)
        say(f"uploading the source of {source.function}")
        gcloud("storage", "cp", str(file), path, project=environment.project)


def fill_secrets(environment: Environment, names: Iterable[str]) -> None:
    """Give every empty secret a random key. It is handed over by standard input, and nobody ever sees it."""
    for name in names:
        if not gcloud_json("secrets", "versions", "list", name, "--limit=1", project=environment.project):
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            gcloud(
                "secrets", "versions", "add", name, "--data-file=-", project=environment.project, stdin=key, secret=True
            )
            say(f"filled the secret {name} with a random key")
