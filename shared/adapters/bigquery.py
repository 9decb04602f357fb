"""BigQuery over Google's own clients: jobs with ids of their own, results read by the Storage Read API as Arrow."""

from __future__ import annotations

import concurrent.futures
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import Any

import pyarrow as pa
from google.api_core import exceptions as api
from google.api_core.retry import Retry, if_exception_type
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery, bigquery_storage_v1
from google.cloud.bigquery_storage_v1 import types as storage
from requests.exceptions import RequestException

from shared.adapters.bigquery_errors import job_error, request_error, stream_error
from shared.adapters.bigquery_schema import column_of, query_parameter
from shared.domain.errors import InvalidRegistration, PermanentError, ResultLost, RetryLater, StillRunning
from shared.ports import JobResult, QueryJob, QueryParameter, ReadSession, Row, SourceTable

_CALL_TIMEOUT_SECONDS = 30.0
_PASSING = (
    api.ServiceUnavailable,
    api.InternalServerError,
    api.BadGateway,
    api.GatewayTimeout,
    api.TooManyRequests,
    ConnectionError,
    RequestException,
)
_CALL_RETRY = Retry(predicate=if_exception_type(*_PASSING), initial=0.2, maximum=5.0, timeout=20.0)
_STREAM_RETRY = Retry(predicate=if_exception_type(api.ServiceUnavailable), initial=0.2, maximum=5.0, timeout=20.0)
_STREAM_TIMEOUT_SECONDS = 3600.0
"""A stream's own end; how long a worker waits for its next rows is the worker's affair."""
_EXISTING_JOB = re.compile(r"already exists: job [^\s:]+:(?P<location>[\w-]+)\.", re.IGNORECASE)
_TABLES = {"TABLE", "SNAPSHOT", "CLONE"}


class BigQuerySource:
    """A `Source`. Clients are made when first needed.

    `emulator` and `storage_emulator` are the addresses of a BigQuery emulator (`http://host:port`, `host:port`); None:
    Google's own service with the ambient credentials.
    """

    def __init__(self, *, project: str, emulator: str | None = None, storage_emulator: str | None = None) -> None:
        self._project = project
        self._emulator = emulator
        self._storage_emulator = storage_emulator

    def now(self) -> datetime:
        """See `ports.Source`."""
        with _requests():
            job = self._client.query(
                "SELECT CURRENT_TIMESTAMP() AS now",
                job_config=bigquery.QueryJobConfig(labels={"refresh_step": "clock"}),
                retry=_CALL_RETRY,
                job_retry=None,
                timeout=_CALL_TIMEOUT_SECONDS,
            )
            (row,) = job.result(timeout=_CALL_TIMEOUT_SECONDS, retry=_CALL_RETRY, job_retry=None)
        moment: datetime = row["now"]
        return moment

    def describe(self, reference: str) -> SourceTable:
        """See `ports.Source`."""
        try:
            with _requests():
                table = self._client.get_table(_reference(reference), retry=_CALL_RETRY, timeout=_CALL_TIMEOUT_SECONDS)
        except api.NotFound as error:
            raise InvalidRegistration(f"source {reference} does not exist in BigQuery: correct `source`") from error
        except api.BadRequest as error:
            raise InvalidRegistration(f"BigQuery refuses source {reference}: {error.message}") from error
        except PermanentError as error:
            raise InvalidRegistration(
                f"source {reference} may not be read: grant roles/bigquery.dataViewer on its dataset ({error})"
            ) from error
        return SourceTable(
            reference=reference,
            columns=tuple(column_of(field) for field in table.schema),
            is_table=table.table_type in _TABLES,
            partition_column=table.time_partitioning.field if table.time_partitioning else None,
            needs_partition_filter=bool(table.require_partition_filter),
        )

    def describe_query(self, reference: str, sql: str) -> SourceTable:
        """See `ports.Source`."""
        snapshot = QueryParameter(name="snapshot_at", type="TIMESTAMP", value=self.now())
        config = bigquery.QueryJobConfig(
            dry_run=True,
            use_query_cache=False,
            query_parameters=[query_parameter(snapshot)],
            labels={"refresh_step": "describe"},
        )
        try:
            with _requests():
                job = self._client.query(
                    sql, job_config=config, retry=_CALL_RETRY, job_retry=None, timeout=_CALL_TIMEOUT_SECONDS
                )
        except (api.BadRequest, api.NotFound, PermanentError) as error:
            raise InvalidRegistration(f"BigQuery refuses {reference}: {error}") from error
        return SourceTable(
            reference=reference, columns=tuple(column_of(field) for field in job.schema or ()), is_table=False, sql=sql
        )

    def run(self, job: QueryJob, *, timeout: float) -> JobResult:
        """See `ports.Source`."""
        query_job = self._insert(job)
        try:
            query_job.result(timeout=timeout, retry=_CALL_RETRY, job_retry=None, max_results=0)
        except concurrent.futures.TimeoutError as error:
            raise StillRunning(f"BigQuery job {job.job_id} still runs") from error
        except api.GoogleAPICallError as error:
            raise job_error(error, query_job.error_result, job.job_id) from error
        except (api.RetryError, RequestException, GoogleAuthError) as error:
            raise RetryLater(f"BigQuery is out of reach: {error!r}", reason="bigquery_unavailable") from error
        result = query_job.destination
        return JobResult(
            job_id=job.job_id,
            project=query_job.project,
            location=query_job.location or "",
            table=f"{result.project}.{result.dataset_id}.{result.table_id}",
            bytes_billed=query_job.total_bytes_billed or 0,
        )

    def estimate(self, job: QueryJob) -> int | None:
        """See `ports.Source`. The emulator says 0, which no query over rows processes."""
        config = bigquery.QueryJobConfig(
            dry_run=True,
            use_query_cache=False,
            query_parameters=[query_parameter(parameter) for parameter in job.parameters],
            labels=job.labels,
        )
        try:
            with _requests():
                estimate = self._client.query(
                    job.sql, job_config=config, retry=_CALL_RETRY, job_retry=None, timeout=_CALL_TIMEOUT_SECONDS
                )
        except (api.NotFound, api.Forbidden, api.BadRequest) as error:
            raise job_error(error, None, job.job_id) from error
        return estimate.total_bytes_processed or None

    def fetch(self, result: JobResult) -> list[Row]:
        """See `ports.Source`."""
        try:
            with _requests():
                rows = self._client.list_rows(
                    self._client.get_table(_reference(result.table), retry=_CALL_RETRY),
                    retry=_CALL_RETRY,
                    timeout=_CALL_TIMEOUT_SECONDS,
                )
                return [dict(row.items()) for row in rows]
        except api.NotFound as error:
            raise ResultLost(f"the result of job {result.job_id} is gone") from error

    def open_session(self, result: JobResult, *, max_streams: int) -> ReadSession:
        """See `ports.Source`."""
        project, dataset, table = result.table.split(".")
        wanted = storage.ReadSession(
            table=f"projects/{project}/datasets/{dataset}/tables/{table}", data_format=storage.DataFormat.ARROW
        )
        with stream_error(result.job_id):
            session = self._storage.create_read_session(
                parent=f"projects/{self._project}",
                read_session=wanted,
                max_stream_count=max_streams,
                retry=_STREAM_RETRY,
                timeout=_CALL_TIMEOUT_SECONDS,
            )
        return ReadSession(name=session.name, streams=tuple(stream.name for stream in session.streams))

    def read(self, stream: str, *, offset: int) -> Iterator[pa.RecordBatch]:
        """See `ports.Source`."""
        schema: pa.Schema | None = None
        with stream_error(stream):
            responses = self._storage.read_rows(
                stream, offset=offset, retry=_STREAM_RETRY, timeout=_STREAM_TIMEOUT_SECONDS
            )
            for response in responses:
                if schema is None or response.arrow_schema.serialized_schema:
                    schema = pa.ipc.read_schema(pa.py_buffer(response.arrow_schema.serialized_schema))
                batch = response.arrow_record_batch.serialized_record_batch
                yield pa.ipc.read_record_batch(pa.py_buffer(batch), schema)

    def _insert(self, job: QueryJob) -> Any:
        config = bigquery.QueryJobConfig(
            query_parameters=[query_parameter(parameter) for parameter in job.parameters],
            labels=job.labels,
            use_query_cache=False,
        )
        if job.max_bytes_billed is not None:
            config.maximum_bytes_billed = job.max_bytes_billed
        try:
            with _requests():
                return self._client.query(
                    job.sql,
                    job_id=job.job_id,
                    job_config=config,
                    retry=_CALL_RETRY,
                    job_retry=None,
                    timeout=_CALL_TIMEOUT_SECONDS,
                )
        except api.Conflict as error:
            return self._reattach(job.job_id, error)
        except (api.NotFound, api.Forbidden, api.BadRequest) as error:
            raise job_error(error, None, job.job_id) from error

    def _reattach(self, job_id: str, conflict: api.Conflict) -> Any:
        """The job that has the id already. Outside of the US and EU it is found only together with its location."""
        where = _EXISTING_JOB.search(conflict.message or "")
        try:
            with _requests():
                return self._client.get_job(
                    job_id,
                    location=where["location"] if where else None,
                    retry=_CALL_RETRY,
                    timeout=_CALL_TIMEOUT_SECONDS,
                )
        except api.NotFound as error:
            raise ResultLost(f"job {job_id} exists, but is not to be found: {error.message}") from error

    @cached_property
    def _client(self) -> bigquery.Client:
        if self._emulator is None:
            return bigquery.Client(project=self._project)
        return bigquery.Client(
            project=self._project,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self._emulator},
        )

    @cached_property
    def _storage(self) -> bigquery_storage_v1.BigQueryReadClient:
        if self._storage_emulator is None:
            return bigquery_storage_v1.BigQueryReadClient()
        import grpc
        from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport

        channel = grpc.insecure_channel(self._storage_emulator, options=[("grpc.max_receive_message_length", -1)])
        return bigquery_storage_v1.BigQueryReadClient(transport=BigQueryReadGrpcTransport(channel=channel))


@contextmanager
def _requests() -> Iterator[None]:
    try:
        yield
    except (api.NotFound, api.Conflict, api.BadRequest):
        raise
    except api.GoogleAPICallError as error:
        raise request_error(error) from error
    except api.RetryError as error:
        raise RetryLater(f"BigQuery did not answer: {error}", reason="bigquery_unavailable") from error
    except (RequestException, GoogleAuthError) as error:
        raise RetryLater(f"BigQuery is out of reach: {error!r}", reason="bigquery_unavailable") from error


def _reference(text: str) -> bigquery.TableReference:
    project, dataset, table = text.split(".", 2)
    return bigquery.TableReference(bigquery.DatasetReference(project, dataset), table)
