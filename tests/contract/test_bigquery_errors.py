"""What each of BigQuery's errors becomes, through Google's own clients."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest
from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type

from shared.adapters import bigquery as adapter
from shared.adapters.bigquery import BigQuerySource
from shared.domain.errors import (
    Held,
    InvalidRegistration,
    PermanentError,
    RefreshError,
    ResultLost,
    RetryLater,
    SnapshotLost,
    StillRunning,
)
from shared.ports import JobResult, QueryJob
from tests.support.bigquery_stub import JOB, LOCATION, Answer, RestStub, StorageStub, estimated, job, refusal

EXISTS = refusal(409, "duplicate", f"Already Exists: Job p:{LOCATION}.{JOB}")
UNAVAILABLE = refusal(503, "backendError", "Error encountered during execution. Retrying may solve the problem.")
RESULT = JobResult(job_id=JOB, project="p", location=LOCATION, table="p._anon.result", bytes_billed=0)


@pytest.fixture
def rest() -> Iterator[RestStub]:
    with RestStub() as rest:
        yield rest


@pytest.fixture
def storage() -> Iterator[StorageStub]:
    with StorageStub() as storage:
        yield storage


@pytest.fixture
def source(rest: RestStub, storage: StorageStub, monkeypatch: pytest.MonkeyPatch) -> BigQuerySource:
    """The adapter, with the patience of a test."""
    for name, errors in (("_CALL_RETRY", adapter._PASSING), ("_STREAM_RETRY", (api.ServiceUnavailable,))):
        quick = Retry(predicate=if_exception_type(*errors), initial=0.01, maximum=0.02, timeout=0.3)
        monkeypatch.setattr(adapter, name, quick)
    return BigQuerySource(project="p", emulator=rest.url, storage_emulator=storage.address)


def run(source: BigQuerySource) -> JobResult:
    return source.run(QueryJob(job_id=JOB, sql="SELECT 1", max_bytes_billed=10), timeout=5.0)


def caught(source: BigQuerySource) -> RefreshError:
    with pytest.raises(RefreshError) as error:
        run(source)
    return error.value


def test_a_finished_job_tells_where_its_result_is(source: BigQuerySource) -> None:
    assert run(source) == JobResult(
        job_id=JOB, project="p", location=LOCATION, table="p._anon.result", bytes_billed=10_485_760
    )


def test_an_insert_that_took_place_behind_a_503_is_met_again(source: BigQuerySource, rest: RestStub) -> None:
    rest.script["insert"] = [UNAVAILABLE, EXISTS]
    assert run(source).table == "p._anon.result"
    kind, query = rest.asked[2]
    assert (kind, query["location"]) == ("job", [LOCATION]), "jobs outside of the US and EU are found with it only"


def test_an_existing_job_that_is_not_to_be_found_is_made_again(source: BigQuerySource, rest: RestStub) -> None:
    rest.script["insert"] = [EXISTS]
    rest.script["job"] = [refusal(404, "notFound", f"Not found: Job p:{LOCATION}.{JOB}")]
    assert isinstance(caught(source), ResultLost)


def test_a_job_that_goes_while_it_is_waited_for_is_made_again(source: BigQuerySource, rest: RestStub) -> None:
    rest.script["insert"] = [job("RUNNING")]
    rest.script["job"] = [job("RUNNING")]
    rest.script["results"] = [refusal(404, "notFound", f"Not found: Job p:{LOCATION}.{JOB}")]
    assert isinstance(caught(source), ResultLost)


def test_a_job_that_runs_on_is_left_running(source: BigQuerySource, rest: RestStub) -> None:
    rest.always("insert", job("RUNNING"))
    rest.always("job", job("RUNNING"))
    rest.always("results", (200, {"jobComplete": False, "jobReference": {"projectId": "p", "jobId": JOB}}))
    with pytest.raises(StillRunning):
        source.run(QueryJob(job_id=JOB, sql="SELECT 1"), timeout=0.2)


@pytest.mark.parametrize(
    ("answer", "kind", "reason", "at_least"),
    [
        (refusal(403, "rateLimitExceeded", "Exceeded rate limits"), RetryLater, "rateLimitExceeded", 0.0),
        (refusal(403, "quotaExceeded", "Quota exceeded"), RetryLater, "quotaExceeded", 600.0),
        (UNAVAILABLE, RetryLater, "bigquery_unavailable", 0.0),
        (refusal(500, "internalError", "An internal error occurred"), RetryLater, "bigquery_unavailable", 0.0),
        (refusal(502, "badGateway", "Bad gateway"), RetryLater, "bigquery_unavailable", 0.0),
        (refusal(403, "accessDenied", "Access Denied: Project p"), PermanentError, "bigquery_refused", None),
        (refusal(400, "invalidQuery", "Syntax error: Unexpected end"), PermanentError, "bigquery_refused", None),
        (refusal(400, "invalid", "Invalid snapshot time 1 for table"), SnapshotLost, "snapshot_lost", None),
        (refusal(404, "notFound", "Not found: Table p:d.t"), SnapshotLost, "snapshot_lost", None),
        (refusal(403, "rateLimitExceeded", "Exceeded rate limits: snapshot_t"), RetryLater, "rateLimitExceeded", 0.0),
    ],
    ids=lambda value: value[1]["error"]["errors"][0]["reason"] if isinstance(value, tuple) else "",
)
def test_an_insert_that_fails_for_good(
    source: BigQuerySource,
    rest: RestStub,
    answer: Answer,
    kind: type[RefreshError],
    reason: str,
    at_least: float | None,
) -> None:
    rest.always("insert", answer)
    error = caught(source)
    assert isinstance(error, kind)
    assert getattr(error, "reason", None) == reason
    assert getattr(error, "at_least", None) == at_least


@pytest.mark.parametrize(
    ("reason", "message", "kind", "at_least"),
    [
        ("backendError", "Error encountered during execution", ResultLost, 0.0),
        ("internalError", "An internal error occurred", ResultLost, 0.0),
        ("jobBackendError", "The job failed due to a backend error", ResultLost, 0.0),
        ("stopped", "Job execution was cancelled", ResultLost, 0.0),
        ("rateLimitExceeded", "Exceeded rate limits: too many concurrent queries", ResultLost, 10.0),
        ("quotaExceeded", "Quota exceeded: Your project exceeded quota", ResultLost, 600.0),
        ("bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 10", Held, None),
        ("resourcesExceeded", "Resources exceeded during query execution", PermanentError, None),
        ("invalidQuery", "Division by zero: 1 / 0", PermanentError, None),
        ("invalidQuery", "Cannot read before 1, out of the time travel window", SnapshotLost, None),
        ("notFound", "Not found: Table p:d.t was not found in location", SnapshotLost, None),
    ],
)
def test_a_job_that_ended_in_an_error(
    source: BigQuerySource, rest: RestStub, reason: str, message: str, kind: type[RefreshError], at_least: float | None
) -> None:
    rest.always("insert", job("RUNNING"))
    rest.always("job", job(reason=reason, message=message))
    error = caught(source)
    assert type(error) is kind
    assert message in str(error)
    assert getattr(error, "at_least", None) == at_least
    if isinstance(error, Held):
        assert error.reason == "cost_cap"


@pytest.mark.parametrize("kind", ["job", "results"])
def test_a_service_that_stays_away_while_a_job_runs_is_asked_again_later(
    source: BigQuerySource, rest: RestStub, kind: str
) -> None:
    rest.always("insert", job("RUNNING"))
    rest.always("job", job("RUNNING"))
    rest.always(kind, UNAVAILABLE)
    error = caught(source)
    assert isinstance(error, RetryLater)
    assert error.reason == "bigquery_unavailable"


@pytest.mark.usefixtures("source")
def test_a_server_that_is_not_there_is_asked_again_later() -> None:
    assert isinstance(caught(BigQuerySource(project="p", emulator="http://127.0.0.1:1")), RetryLater)


def test_an_expired_result_is_lost(source: BigQuerySource, rest: RestStub) -> None:
    rest.always("table", refusal(404, "notFound", "Not found: Table p:_anon.result"))
    with pytest.raises(ResultLost):
        source.fetch(RESULT)


def test_a_source_that_does_not_exist_or_may_not_be_read_says_what_to_do(
    source: BigQuerySource, rest: RestStub
) -> None:
    rest.script["table"] = [refusal(404, "notFound", "Not found: Table p:d.t")]
    with pytest.raises(InvalidRegistration, match="correct `source`"):
        source.describe("p.d.t")
    rest.script["table"] = [refusal(403, "accessDenied", "Access Denied: Table p:d.t")]
    with pytest.raises(InvalidRegistration, match=r"roles/bigquery\.dataViewer"):
        source.describe("p.d.t")
    rest.script["table"] = [refusal(403, "rateLimitExceeded", "Exceeded rate limits")]
    with pytest.raises(RetryLater):
        source.describe("p.d.t")


def test_a_table_is_described_with_how_bigquery_keeps_it(source: BigQuerySource, rest: RestStub) -> None:
    described = {
        "tableReference": {"projectId": "p", "datasetId": "d", "tableId": "t"},
        "type": "TABLE",
        "schema": {"fields": [{"name": "day", "type": "DATE", "mode": "REQUIRED"}]},
        "timePartitioning": {"type": "DAY", "field": "day"},
        "requirePartitionFilter": True,
    }
    rest.script["table"] = [(200, described)]
    found = source.describe("p.d.t")
    assert (found.is_table, found.partition_column, found.needs_partition_filter) == (True, "day", True)
    del described["timePartitioning"], described["requirePartitionFilter"]
    rest.script["table"] = [(200, described | {"type": "VIEW"})]
    found = source.describe("p.d.t")
    assert (found.is_table, found.partition_column, found.needs_partition_filter) == (False, None, False)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, ResultLost),
        (grpc.StatusCode.FAILED_PRECONDITION, ResultLost),
        (grpc.StatusCode.UNAVAILABLE, RetryLater),
        (grpc.StatusCode.INTERNAL, RetryLater),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, RetryLater),
    ],
)
def test_a_session_that_cannot_be_opened(
    source: BigQuerySource, storage: StorageStub, code: grpc.StatusCode, kind: type[RefreshError]
) -> None:
    storage.sessions = [code] * 1000
    with pytest.raises(kind):
        source.open_session(RESULT, max_streams=1)


def numbers(source: BigQuerySource, *, offset: int = 0) -> Iterator[int]:
    for batch in source.read("stream", offset=offset):
        yield from batch["n"].to_pylist()


def test_a_stream_is_read_from_its_offset_on(source: BigQuerySource) -> None:
    assert list(numbers(source, offset=4)) == [4, 5, 6, 7, 8, 9]


def test_a_stream_that_is_cut_goes_on_where_it_was_cut(source: BigQuerySource, storage: StorageStub) -> None:
    storage.reads = [[3, grpc.StatusCode.UNAVAILABLE], [2, grpc.StatusCode.UNAVAILABLE]]
    assert list(numbers(source)) == list(range(10))
    assert storage.offsets == [0, 3, 5]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, ResultLost),
        (grpc.StatusCode.FAILED_PRECONDITION, ResultLost),
        (grpc.StatusCode.UNAVAILABLE, RetryLater),
        (grpc.StatusCode.INTERNAL, RetryLater),
        (grpc.StatusCode.DEADLINE_EXCEEDED, RetryLater),
    ],
)
def test_a_stream_that_breaks_for_good_has_given_what_came_before(
    source: BigQuerySource, storage: StorageStub, code: grpc.StatusCode, kind: type[RefreshError]
) -> None:
    storage.reads = [[3, code], *[[code]] * 1000]
    found: list[int] = []
    with pytest.raises(kind):
        found.extend(numbers(source))
    assert found == [0, 1, 2]


def test_an_estimate_runs_nothing(source: BigQuerySource, rest: RestStub) -> None:
    rest.always("insert", estimated(1_048_576))
    assert source.estimate(QueryJob(job_id=JOB, sql="SELECT 1")) == 1_048_576
    assert [kind for kind, _ in rest.asked] == ["insert"]
    rest.always("insert", estimated(0))
    assert source.estimate(QueryJob(job_id=JOB, sql="SELECT 1")) is None, "as the emulator says it"


def test_an_estimate_of_what_cannot_run_says_why(source: BigQuerySource, rest: RestStub) -> None:
    rest.always("insert", refusal(400, "invalidQuery", "Unrecognized name: x"))
    with pytest.raises(PermanentError, match="Unrecognized name"):
        source.estimate(QueryJob(job_id=JOB, sql="SELECT x"))
