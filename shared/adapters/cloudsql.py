"""Cloud SQL: connections through the connector, which finds the instance, encrypts, and logs in by IAM.

Its certificate and token are fetched when a connection is opened, not in the background: between requests a function
has no processor.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from threading import Lock
from typing import Any

import pg8000.native
from aiohttp import ClientError, ClientResponseError
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.sql.connector import Connector
from google.cloud.sql.connector.exceptions import CloudSQLIPTypeError

from shared.domain.errors import ConfigurationError, RetryLater

_CONNECT_TIMEOUT_SECONDS = 15
_REFUSALS = {
    HTTPStatus.BAD_REQUEST: "CLOUD_SQL_INSTANCE has to be project:region:instance of an instance that is running",
    HTTPStatus.FORBIDDEN: "the account needs roles/cloudsql.client and roles/cloudsql.instanceUser, and the project "
    "sqladmin.googleapis.com",
    HTTPStatus.NOT_FOUND: "there is no such instance; CLOUD_SQL_INSTANCE has to be project:region:instance",
}


class CloudSql:
    """Opens connections to one database of an instance; see `postgres.Connect`.

    `user` is a database user; without `password` an IAM login. `make_connector` is for tests and for other credentials
    than the process's own.
    """

    def __init__(
        self,
        instance: str,
        *,
        database: str,
        user: str,
        password: str | None = None,
        ip_type: str = "PUBLIC",
        application_name: str = "refresh",
        make_connector: Callable[..., Connector] = Connector,
    ) -> None:
        self._instance = instance
        self._arguments: dict[str, Any] = {"db": database, "user": user, "application_name": application_name}
        self._arguments |= {"ip_type": ip_type, "enable_iam_auth": password is None}
        if password is not None:
            self._arguments["password"] = password
        self._make_connector = make_connector
        self._connector: Connector | None = None
        self._lock = Lock()

    def __call__(self) -> pg8000.native.Connection:
        """Open a connection. RetryLater for passing trouble, ConfigurationError for what somebody has to mend."""
        try:
            connection = self._ready().connect(self._instance, "pg8000", **self._arguments)
        except DefaultCredentialsError as error:
            raise ConfigurationError(
                f"no Google credentials: run gcloud auth application-default login ({error})"
            ) from error
        except ClientResponseError as error:
            refusal = _REFUSALS.get(HTTPStatus(error.status))
            if refusal is not None:
                raise ConfigurationError(f"Cloud SQL {self._instance}: {error.message}: {refusal}") from error
            raise self._passing(error) from error
        except CloudSQLIPTypeError as error:
            raise ConfigurationError(f"Cloud SQL {self._instance}: {error}; set CLOUD_SQL_IP_TYPE") from error
        except (ClientError, GoogleAuthError) as error:
            raise self._passing(error) from error
        return _native(connection)

    def close(self) -> None:
        """Stop the connector's thread. Open connections stay."""
        with self._lock:
            connector, self._connector = self._connector, None
        if connector is not None:
            connector.close()

    def _ready(self) -> Connector:
        with self._lock:
            if self._connector is None:
                self._connector = self._make_connector(refresh_strategy="LAZY", timeout=_CONNECT_TIMEOUT_SECONDS)
            return self._connector

    def _passing(self, error: Exception) -> RetryLater:
        return RetryLater(f"Cloud SQL {self._instance} cannot be reached: {error!r}", reason="database_unavailable")


def _native(connection: Any) -> pg8000.native.Connection:
    """The connector hands out pg8000's DB-API class, which differs from the native one only in its methods."""
    connection.__class__ = pg8000.native.Connection
    connection._context = None
    return connection
