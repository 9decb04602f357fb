"""deploy.sh from end to end, on stand-ins for gcloud and terraform that keep state, and a real database."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.deploy.sources import FUNCTIONS
from infra.migrations.run import status
from tests.deploy.conftest import TOKEN, Cloud
from tests.support.waiting import wait_for

_CHANGING = (["services", "enable"], ["storage", "cp"], ["storage", "buckets"], ["secrets", "versions", "add"])


def test_the_first_run_deploys_everything_and_the_second_changes_nothing(cloud: Cloud) -> None:
    first = cloud.deploy("testing", "--yes")
    assert first.code == 0, first.text
    assert sorted(cloud.serving()) == sorted(FUNCTIONS)
    assert status(cloud.database_url)[1] == []
    assert cloud.release()["previous"] is None
    assert [path for path, _ in cloud.api.requests] == ["/api/refresh/health"]

    before = cloud.snapshot()
    cloud.forget_calls()
    second = cloud.deploy("testing")
    assert second.code == 0, second.text
    assert cloud.snapshot() == before
    changing = [call for call in cloud.calls() if any(call[: len(one)] == one for one in _CHANGING)]
    assert [call for call in changing if call[2] != "describe"] == []
    assert [call for call in cloud.calls("terraform") if "apply" in call] == []


def test_nothing_secret_is_said_or_put_on_a_command_line(cloud: Cloud) -> None:
    cloud.deploy("testing", "--yes")
    cloud.deploy("testing", "--plan")
    (key,) = json.loads((cloud.state / "cloud.json").read_text())["secrets"]["refresh-webhook-key"]
    said = "\n".join([*cloud.texts, *(path.read_text() for path in cloud.state.glob("*.calls"))])
    for secret in (TOKEN, key, cloud.database_url, cloud.database_url.split(":")[2].split("@")[0]):
        assert secret
        assert secret not in said


def test_functions_get_the_schema_before_their_code(cloud: Cloud) -> None:
    cloud.order("ok", "fail")
    done = cloud.deploy("testing", "--yes")
    assert done.code == 1
    assert "the first deployment failed; mend it and run deploy.sh again" in done.text
    assert status(cloud.database_url)[1] == []


def test_a_failure_in_the_middle_leaves_the_release_before_serving(cloud: Cloud) -> None:
    cloud.deploy("testing", "--yes")
    before, release = cloud.serving(), cloud.release()
    cloud.change_code()
    cloud.order("fail")
    done = cloud.deploy("testing", "--yes")
    assert done.code == 1
    assert f"release {release['id']} serves as before" in done.text
    assert cloud.serving() == before
    assert cloud.release() == release
    assert cloud.deploy("testing", "--yes").code == 0
    assert cloud.serving() != before


def test_a_release_that_is_not_well_goes_back(cloud: Cloud) -> None:
    cloud.deploy("testing", "--yes")
    before = cloud.serving()
    cloud.change_code()
    cloud.api.status = 503
    done = cloud.deploy("testing", "--yes")
    assert (done.code, cloud.serving()) == (1, before)
    assert 'is not well: HTTP 503: {"status": "as it is"}' in done.text


def test_only_what_changed_is_uploaded_and_one_command_goes_back(cloud: Cloud) -> None:
    cloud.deploy("testing", "--yes")
    first, before = cloud.release(), cloud.serving()
    cloud.change_code()
    cloud.forget_calls()
    assert cloud.deploy("testing", "--yes").code == 0
    changed = {name for name, source in cloud.serving().items() if source != before[name]}
    assert changed == {"generic"}
    assert len([call for call in cloud.calls() if call[:2] == ["storage", "cp"] and call[2] != "-"]) == 1
    assert cloud.release()["previous"] == first["id"]

    back = cloud.deploy("testing", "--rollback", "--yes")
    assert back.code == 0, back.text
    assert cloud.serving() == before
    assert cloud.release() == first
    further = cloud.deploy("testing", "--rollback", "--yes")
    assert further.code == 1
    assert "there is no release before this one" in further.text


@pytest.mark.parametrize("then", ["go on", "go back"])
def test_an_interrupted_deployment_goes_on_or_back(cloud: Cloud, then: str) -> None:
    cloud.deploy("testing", "--yes")
    before = cloud.serving()
    cloud.change_code()
    cloud.order("hang")
    process = cloud.start("testing", "--yes")
    wait_for(lambda: (cloud.state / "hangs").exists(), "terraform to be at work", timeout=60)
    done = cloud.interrupt(process)
    assert done.code == 130
    assert (
        "interrupted while changing the functions. Run it again to go on, or with --rollback to go back." in done.text
    )
    if then == "go on":
        assert cloud.deploy("testing", "--yes").code == 0
        assert cloud.serving()["generic"] != before["generic"]
    else:
        assert cloud.deploy("testing", "--rollback", "--yes").code == 0
        assert cloud.serving() == before


def test_a_plan_changes_nothing_before_and_after_the_first_deployment(cloud: Cloud) -> None:
    before = cloud.snapshot()
    planned = cloud.deploy("testing", "--plan")
    assert planned.code == 0, planned.text
    assert "nothing is deployed yet" in planned.text
    assert cloud.snapshot() == before
    cloud.deploy("testing", "--yes")
    cloud.change_code()
    before = cloud.snapshot()
    planned = cloud.deploy("testing", "--plan")
    assert f"deployed: release {cloud.release()['id']}" in planned.text
    assert cloud.snapshot() == before


def test_parts_can_be_deployed_alone(cloud: Cloud) -> None:
    assert cloud.deploy("testing", "--only", "infra", "--yes").code == 0
    assert cloud.serving() == {}
    assert status(cloud.database_url)[0] == []
    assert cloud.deploy("testing", "--only=migrate", "--yes").code == 0
    assert status(cloud.database_url)[1] == []
    assert cloud.deploy("testing", "--only", "functions", "--yes").code == 0
    assert sorted(cloud.serving()) == sorted(FUNCTIONS)


def test_functions_need_the_infrastructure_first(cloud: Cloud) -> None:
    done = cloud.deploy("testing", "--only", "functions", "--yes")
    assert done.code == 1
    assert "deploy it first: ./deploy.sh ENV --only infra" in done.text


def test_nothing_is_changed_without_an_answer(cloud: Cloud) -> None:
    done = cloud.deploy("testing")
    assert done.code == 1
    assert "with --yes changes are made without asking" in done.text
    assert not (cloud.state / "terraform.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which environment? There are: production staging testing"),
        (["nowhere"], "there is no environment nowhere. There are: production, staging, testing"),
        (["testing", "--only", "everything"], "--only takes infra, migrate or functions, not 'everything'"),
        (["testing", "--only"], "--only needs infra, migrate or functions"),
        (["testing", "--force"], "--force is not known"),
        (["testing", "staging"], "one environment at a time: testing or staging"),
        (["../testing"], "there is no environment ../testing"),
        (["testing", "--plan", "--rollback"], "not allowed with argument"),
    ],
)
def test_wrong_calls_say_what_is_wrong(cloud: Cloud, arguments: list[str], said: str) -> None:
    done = cloud.deploy(*arguments)
    assert done.code == 2
    assert said in done.text
    assert cloud.calls() == []


def test_help_says_what_it_takes(cloud: Cloud) -> None:
    done = cloud.deploy("--help")
    assert done.code == 0
    assert "./deploy.sh ENV [--plan] [--only infra|migrate|functions] [--yes]" in done.text


@pytest.mark.parametrize("tool", ["gcloud", "terraform"])
def test_a_missing_tool_is_named_with_its_remedy(cloud: Cloud, tool: str, tmp_path: Path) -> None:
    folder = tmp_path / "fewer"
    folder.mkdir()
    for name in ("bash", "env", "dirname", "cat", "ls", "sed", "paste", "sh"):
        (folder / name).symlink_to(f"/usr/bin/{name}" if Path(f"/usr/bin/{name}").exists() else f"/bin/{name}")
    other = "terraform" if tool == "gcloud" else "gcloud"
    shutil.copy(Path(cloud.path.split(":", maxsplit=1)[0]) / other, folder / other)
    done = cloud.deploy("testing", "--yes", path=str(folder))
    assert done.code == 1
    assert f"✗ {tool} is not installed\n  mend it: https://" in done.text


@pytest.mark.parametrize(
    ("change", "problem", "remedy"),
    [
        ({"account": ""}, "gcloud is not logged in", "gcloud auth login"),
        (
            {"projects": []},
            "project refresh-test-project does not exist",
            "gcloud projects create refresh-test-project",
        ),
        ({"account": "else@example.org"}, "else@example.org is none of the deployers", 'add "user:else@example.org"'),
    ],
)
def test_the_doctor_names_what_is_wrong(cloud: Cloud, change: dict[str, object], problem: str, remedy: str) -> None:
    file = cloud.state / "cloud.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    done = cloud.deploy("testing", "--doctor")
    assert done.code == 1
    assert problem in done.text
    assert remedy in done.text
    refused = cloud.deploy("testing", "--yes")
    assert refused.code == 1
    assert "nothing was changed; mend the above" in refused.text


def test_the_examples_are_refused_until_they_are_filled_in(cloud: Cloud) -> None:
    done = cloud.deploy("staging", "--yes")
    assert done.code == 1
    assert "still has the example project example-refresh-staging" in done.text


def test_the_real_gcloud_takes_every_call(cloud: Cloud, tmp_path: Path) -> None:
    real = shutil.which("gcloud")
    if real is None:
        pytest.skip("gcloud is not installed")
    cloud.deploy("testing", "--yes")
    cloud.deploy("testing", "--rollback", "--yes")
    kinds = {tuple(word for word in call if not word.startswith("gs://"))[:3]: call for call in cloud.calls()}
    environment = os.environ | {"CLOUDSDK_CONFIG": str(tmp_path / "gcloud"), "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"}
    for call in kinds.values():
        if call[0] in ("version", "auth"):
            continue
        done = subprocess.run(
            [real, *call], env=environment, input="", capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 1, (call, done.stderr)
        assert "unrecognized arguments" not in done.stderr
        assert "do not currently have an active account" in done.stderr or "credential" in done.stderr, done.stderr
