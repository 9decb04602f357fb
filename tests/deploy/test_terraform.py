"""What Terraform plans for both environments: who may do what, what is delivered how, and what does not fit."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.environment import ROOT, TERRAFORM
from infra.deploy.sources import FUNCTIONS
from infra.local.pubsub import SUBSCRIBERS
from infra.migrations.files import FOLDER as MIGRATIONS

_STAND_IN = ROOT.parent / "shared" / "tools" / "terraform-check" / "setup"
_RELEASE = {"release": {"id": "test", "sources": {name: f"{name}.zip" for name in FUNCTIONS}}}
_PRIMITIVE = {"roles/owner", "roles/editor", "roles/viewer"}
_PROJECT_ROLES = {
    "roles/bigquery.jobUser",
    "roles/bigquery.readSessionUser",
    "roles/cloudsql.client",
    "roles/cloudsql.instanceUser",
    "roles/logging.logWriter",
}


@dataclass(frozen=True)
class Plan:
    """The resources of a plan, by type and then by key."""

    resources: dict[str, dict[str, dict[str, Any]]]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        return self.resources.get(kind, {})

    def text(self) -> str:
        return json.dumps(self.resources)


class Planner:
    """Plans a copy of the configuration, with the stand-in for the provider where it is found."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = dict(os.environ)
        shutil.copytree(TERRAFORM, folder, ignore=shutil.ignore_patterns(".terraform*", "*.plan"))
        (folder / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
        told = subprocess.run([str(_STAND_IN)], capture_output=True, text=True, check=True, timeout=200).stdout
        name, _, value = told.strip().removeprefix("export ").partition("=")
        self._environment[name] = str(_own_mirror(Path(shlex.split(value)[0]), folder.parent))
        self._run("init", "-input=false")

    def plan(self, environment: str, **variables: object) -> Plan:
        """The plan of an environment with other values for some variables."""
        done = self.try_plan(environment, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        shown = json.loads(self._run("show", "-json", "test.plan").stdout)
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for one in shown["planned_values"]["root_module"]["resources"]:
            key = f"{one['name']} {one.get('index', '')}".strip()
            found.setdefault(one["type"], {})[key] = one["values"]
        return Plan(found)

    def try_plan(self, environment: str, **variables: object) -> subprocess.CompletedProcess[str]:
        """Plan without asking whether it worked."""
        (self._folder / "test.tfvars.json").write_text(json.dumps(_RELEASE | variables))
        files = [f"-var-file=environments/{environment}.tfvars", "-var-file=test.tfvars.json"]
        return self._run("plan", "-input=false", "-lock=false", "-out=test.plan", *files, check=False)

    def _run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = ["terraform", f"-chdir={self._folder}", arguments[0], "-no-color", *arguments[1:]]
        if arguments[0] == "show":
            command.remove("-no-color")
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=check, timeout=200)


def _own_mirror(settings: Path, folder: Path) -> Path:
    """A copy of the provider that setting the stand-in up again, by whomever, does not change."""
    text = settings.read_text()
    (mirror,) = re.findall(r'path = "(.*)"', text)
    shutil.copytree(mirror, folder / "mirror")
    own = folder / "terraformrc"
    own.write_text(text.replace(mirror, str(folder / "mirror")))
    return own


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory) -> Planner:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    if not os.access(_STAND_IN, os.X_OK):
        pytest.skip("the offline provider is not next to the project, and the real one cannot plan without a login")
    return Planner(tmp_path_factory.mktemp("planned") / "terraform")


@pytest.fixture(scope="module", params=["staging", "production"])
def plan(planner: Planner, request: pytest.FixtureRequest) -> Plan:
    return planner.plan(request.param)


def _members(plan: Plan) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{kind} {key}", values)
        for kind, found in plan.resources.items()
        if "_iam_" in kind
        for key, values in found.items()
    ]


def test_nobody_gets_a_primitive_role_and_nothing_is_public(plan: Plan) -> None:
    assert len(_members(plan)) > 50
    for key, values in _members(plan):
        assert values["role"] not in _PRIMITIVE, key
        assert "allUsers" not in str(values), key
        assert "allAuthenticatedUsers" not in str(values), key
    assert plan.of("google_project_iam_binding") == {}
    assert plan.of("google_project_iam_policy") == {}


def test_roles_in_the_whole_project_are_few_and_none_reads_data(plan: Plan) -> None:
    roles = {values["role"] for values in plan.of("google_project_iam_member").values()}
    assert roles == _PROJECT_ROLES
    for key, values in plan.of("google_project_iam_member").items():
        if values["role"].startswith("roles/cloudsql."):
            assert values["condition"][0]["title"] == "only-the-refresh-instance", key


def test_only_the_workers_read_the_source_datasets(plan: Plan) -> None:
    grants = plan.of("google_bigquery_dataset_iam_member")
    roles = {(key.split()[0], key.split()[1].split(".")[0], values["role"]) for key, values in grants.items()}
    readers = {(one[1], one[2]) for one in roles if one[0] == "source"}
    assert readers == {(name, "roles/bigquery.dataViewer") for name in ("asin", "search_queries", "generic")}
    assert {one[2] for one in roles if one[0] == "api"} == {"roles/bigquery.metadataViewer"}
    assert {values["dataset_id"] for values in grants.values()} == {"sqp"}


def test_the_api_reads_sources_only_where_it_is_to_check_keys(planner: Planner) -> None:
    grants = planner.plan("staging", api_checks_keys=True).of("google_bigquery_dataset_iam_member")
    assert {values["role"] for key, values in grants.items() if key.startswith("api ")} == {"roles/bigquery.dataViewer"}


def test_every_function_has_an_identity_of_its_own(plan: Plan) -> None:
    accounts = plan.of("google_service_account")
    names = [values["account_id"] for values in accounts.values()]
    assert len(set(names)) == len(names)
    assert all(6 <= len(name) <= 30 for name in names)
    assert {key.split()[1] for key in accounts if key.startswith("function ")} == set(FUNCTIONS)
    assert {key.split()[1] for key in accounts if key.startswith("push ")} == set(SUBSCRIBERS)


def test_every_function_is_built_as_it_is_staged(plan: Plan) -> None:
    functions = {key.split()[1]: values for key, values in plan.of("google_cloudfunctions2_function").items()}
    assert set(functions) == set(FUNCTIONS)
    for name, values in functions.items():
        assert values["build_config"][0]["runtime"] == "python313"
        assert values["build_config"][0]["entry_point"] == name
        assert values["build_config"][0]["source"][0]["storage_source"][0]["object"] == f"{name}.zip"


def test_workers_take_one_message_at_a_time_from_inside_only(plan: Plan) -> None:
    for key, values in plan.of("google_cloudfunctions2_function").items():
        service = values["service_config"][0]
        inside = service["ingress_settings"] == "ALLOW_INTERNAL_ONLY"
        assert inside == (key != "this api")
        assert (service["max_instance_request_concurrency"] == 1) == (key not in ("this api", "this notifier"))
        assert service["max_instance_count"] >= 1
        assert service["available_memory"]
        assert service["available_cpu"]


def test_every_push_proves_who_it_is_is_waited_for_and_never_lost(plan: Plan) -> None:
    pushed = plan.of("google_pubsub_subscription")
    timeouts = {
        key.split()[1]: values["service_config"][0]["timeout_seconds"]
        for key, values in plan.of("google_cloudfunctions2_function").items()
    }
    assert {key.split()[1] for key in pushed if key.startswith("push ")} == set(SUBSCRIBERS)
    for key, values in pushed.items():
        assert values["expiration_policy"] == [{"ttl": ""}], key
        assert int(values["message_retention_duration"].removesuffix("s")) >= 7 * 86400, key
        if not key.startswith("push "):
            continue
        assert len(values["push_config"][0]["oidc_token"]) == 1, key
        assert values["ack_deadline_seconds"] == 600
        assert values["ack_deadline_seconds"] >= timeouts[SUBSCRIBERS[key.split()[1]]]
        assert values["dead_letter_policy"][0]["max_delivery_attempts"] == 100
        assert len(values["retry_policy"]) == 1


def test_topics_keep_messages_for_a_replay(plan: Plan) -> None:
    topics = plan.of("google_pubsub_topic")
    assert {values["name"] for values in topics.values()} == {*SUBSCRIBERS, "refresh-dead-letter-unhandled"}
    for values in topics.values():
        assert 7 * 86400 <= int(values["message_retention_duration"].removesuffix("s")) <= 31 * 86400


def test_the_scheduler_fires_daily_and_every_minute_with_retries(plan: Plan) -> None:
    jobs = plan.of("google_cloud_scheduler_job")
    assert {values["name"]: values["schedule"] for values in jobs.values()} == {
        "refresh-daily": "0 6 * * *",
        "refresh-sweep": "* * * * *",
    }
    for values in jobs.values():
        assert values["time_zone"] == "Europe/Berlin"
        assert values["retry_config"][0]["retry_count"] >= 1


def test_every_function_is_told_when_all_tables_are_verified(plan: Plan) -> None:
    for values in plan.of("google_cloudfunctions2_function").values():
        assert values["service_config"][0]["environment_variables"]["REFRESH_VERIFY_SCHEDULE"] == "0 14 * * 0"


def test_the_database_is_backed_up_and_only_connectors_get_in(plan: Plan) -> None:
    (settings,) = plan.of("google_sql_database_instance")["this 0"]["settings"]
    assert settings["connector_enforcement"] == "REQUIRED"
    assert settings["ip_configuration"][0]["authorized_networks"] == []
    backup = settings["backup_configuration"][0]
    assert backup["enabled"]
    assert backup["point_in_time_recovery_enabled"]
    assert {"name": "cloudsql.iam_authentication", "value": "on"} in settings["database_flags"]
    assert all(values["type"] == "CLOUD_IAM_SERVICE_ACCOUNT" for values in plan.of("google_sql_user").values())


def test_every_function_acts_as_a_role_that_the_migrations_make(plan: Plan) -> None:
    made = (MIGRATIONS / "0010_roles.sql").read_text(encoding="utf-8")
    for values in plan.of("google_cloudfunctions2_function").values():
        variables = _known_environment(values)
        assert f"'{variables['DATABASE_ROLE']}'" in made
        assert int(variables["DATABASE_CONNECTIONS"]) >= 2


def _known_environment(values: Mapping[str, Any]) -> dict[str, str]:
    found = values["service_config"][0]["environment_variables"]
    return {key: value for key, value in found.items() if value is not None}


def test_no_secret_stands_in_the_plan(plan: Plan) -> None:
    assert plan.of("google_secret_manager_secret_version") == {}
    assert "password" not in {key for values in plan.of("google_sql_user").values() for key, v in values.items() if v}


def test_something_watches_for_everything_that_the_runbook_explains(plan: Plan) -> None:
    policies = plan.of("google_monitoring_alert_policy")
    runbook = (ROOT / "infra" / "RUNBOOK.md").read_text(encoding="utf-8")
    assert len(policies) >= 10
    for key, values in policies.items():
        name = key.split()[-1].replace("sweep_age", "sweep-age")
        assert f"`{name}`" in runbook, key
        assert values["documentation"][0]["content"].endswith(f"{name}: what it means and what to do."), key


def test_more_connections_than_there_are_fail_the_plan_with_the_numbers(planner: Planner) -> None:
    done = planner.try_plan("staging", functions={"generic": {"max_instances": 40}})
    told = " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert done.returncode == 1
    assert "The functions may open 130 database connections" in told
    assert "generic 40 × 2" in told
    assert "only 70 are theirs: max_connections 100 − reserved_connections 30" in told


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"project_id": "My Project"}, "project_id is a project's id"),
        ({"api_invokers": ["allUsers"]}, "never allUsers"),
        ({"message_retention_days": 3}, "message_retention_days is from 7 to 31"),
        ({"source_datasets": ["sqp"]}, "each as project.dataset"),
        ({"time_zone": "CEST"}, "IANA name"),
        ({"verify_schedule": "weekly"}, "verify_schedule is off, or a cron expression"),
        ({"functions": {"worker": {"memory": "1Gi"}}}, "a name that is none of"),
        ({"alert_emails": []}, "an alert that nobody gets is none"),
        ({"database": {"existing_instance": "a", "url_secret": "b"}}, "not both"),
        ({"database": {"version": "POSTGRES_14"}}, "POSTGRES_15 or newer"),
    ],
)
def test_wrong_values_are_refused_by_name(planner: Planner, variables: dict[str, object], said: str) -> None:
    done = planner.try_plan("staging", **variables)
    assert done.returncode == 1
    assert said in " ".join((done.stdout + done.stderr).replace("│", " ").split())


def test_any_postgres_needs_no_cloud_sql(planner: Planner) -> None:
    plan = planner.plan("staging", database={"url_secret": "database-url"})
    assert [kind for kind in plan.resources if "_sql_" in kind] == []
    for values in plan.of("google_cloudfunctions2_function").values():
        secrets = {one["key"] for one in values["service_config"][0]["secret_environment_variables"]}
        assert "DATABASE_URL" in secrets


def test_a_private_database_has_no_public_address(planner: Planner) -> None:
    plan = planner.plan("staging", private_network={"network": "projects/p/global/networks/n"})
    (settings,) = plan.of("google_sql_database_instance")["this 0"]["settings"]
    assert settings["ip_configuration"][0]["ipv4_enabled"] is False
    assert len(plan.of("google_vpc_access_connector")) == 1


def test_traces_are_written_only_where_they_are_asked_for(planner: Planner, plan: Plan) -> None:
    role = "roles/telemetry.tracesWriter"
    assert role not in {values["role"] for values in plan.of("google_project_iam_member").values()}
    traced = planner.plan("staging", traces="cloud_trace", trace_share=0.25)
    writers = [key for key, values in traced.of("google_project_iam_member").items() if values["role"] == role]
    assert {key.split()[1] for key in writers} == set(FUNCTIONS)
    for function in traced.of("google_cloudfunctions2_function").values():
        environment = function["service_config"][0]["environment_variables"]
        assert (environment["REFRESH_TRACES"], environment["REFRESH_TRACE_SHARE"]) == ("cloud_trace", "0.25")
    assert "traces is off, cloud_trace, or an address" in " ".join(
        planner.try_plan("staging", traces="everywhere").stderr.split()
    )


def test_before_the_first_release_there_are_no_functions_to_push_to(planner: Planner) -> None:
    plan = planner.plan("staging", release={"id": "none", "sources": {}})
    assert plan.of("google_cloudfunctions2_function") == {}
    assert [key for key in plan.of("google_pubsub_subscription") if key.startswith("push ")] == []
    assert len(plan.of("google_cloud_scheduler_job")) == 2
