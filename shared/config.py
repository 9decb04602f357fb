"""Settings of a process, from its environment, read once. Unset or empty means default."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.domain.errors import ConfigurationError
from shared.domain.webhook_url import LoopbackReceivers


class Settings(BaseSettings):
    """Each field is the environment variable of its name in capitals."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: SecretStr | None = None
    """postgresql://user:password@host:port/database[?sslmode=…&sslrootcert=…]; unset: Cloud SQL, by the next four."""
    cloud_sql_instance: str | None = Field(default=None, pattern=r"^[^:\s]+(:[^:\s]+){2,3}$")
    """project:region:instance"""
    cloud_sql_ip_type: Literal["PUBLIC", "PRIVATE", "PSC"] = "PUBLIC"
    """Which of the instance's addresses is used."""
    database_name: str = "refresh"
    """Database of the Cloud SQL instance."""
    database_user: str | None = None
    """IAM login there: the service account's e-mail address without .gserviceaccount.com."""
    database_role: str | None = None
    """Role that every connection acts as; unset: the login's own."""
    database_connections: int | None = Field(default=None, ge=1, le=500)
    """Connections that this process may hold at once; unset: as many as it needs."""
    google_cloud_project: str
    """Project that BigQuery jobs are billed to, and whose topics are used."""
    bigquery_emulator_host: str | None = None
    """http://host:port of a BigQuery emulator; unset: Google's service."""
    bigquery_storage_emulator_host: str | None = None
    """host:port of its Storage Read API."""
    pubsub_emulator_host: str | None = None
    """host:port of a Pub/Sub emulator; unset: Google's service."""
    refresh_schedule: str = "0 6 * * *"
    """Cron expression of the daily trigger."""
    refresh_time_zone: str = "UTC"
    """IANA time zone of refresh_schedule."""
    refresh_verify_schedule: str = "off"
    """Cron expression of the verification of all live tables, in the same time zone; off: only when somebody asks."""
    refresh_time_budget_seconds: float = Field(default=480.0, ge=10.0, le=3300.0)
    """Time a worker gives one message; below the platform's own limit."""
    refresh_publish_seconds: float = Field(default=120.0, ge=1.0, le=3000.0)
    """Statement timeout of a publish; it starts only when this much of the budget is left."""
    refresh_lease_seconds: float = Field(default=90.0, ge=1.0, le=600.0)
    """How long a claim lasts without being renewed; renewed at a third of it."""
    refresh_chunk_rows: int = Field(default=50_000, ge=1, le=1_000_000)
    """Rows that are staged, and checkpointed, in one transaction."""
    webhook_secret_key: SecretStr | None = None
    """Base64 of 32 random bytes that secrets of webhooks are encrypted with; several with commas, the newest first."""
    refresh_webhook_allow_loopback: str | None = None
    """Receivers on this machine that webhooks may go to, such as 127.0.0.1:8080; only with a Pub/Sub emulator."""
    refresh_log_format: Literal["json", "console"] = "json"
    """json: one line an event, in Cloud Logging's fields. console: for people."""
    refresh_traces: str = Field(default="off", pattern=r"^(off|cloud_trace|https?://\S+)$")
    """Where spans of a run go: off, cloud_trace, or the address of an OTLP receiver such as http://collector:4318/v1/traces."""
    refresh_trace_share: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of the runs that are traced."""
    k_service: str | None = None
    """Name of the Cloud Run service, as the platform sets it."""
    function_target: str = "refresh"
    """Entry point of the function, as the platform sets it; names the service in traces."""
    refresh_max_bytes_billed_per_day: int | None = Field(default=None, ge=1)
    """Bytes that all BigQuery jobs of a day (UTC) may bill; what would exceed it is held. Unset: no cap."""
    refresh_usd_per_tib: float = Field(default=6.25, ge=0.0, le=1000.0)
    """Price of a TiB that BigQuery bills, to show what runs cost."""

    api_token: SecretStr | None = None
    """Bearer token of an operator, for a stack on one machine."""
    api_viewer_token: SecretStr | None = None
    """Bearer token of a viewer, for a stack on one machine."""
    refresh_sign_in_file: Path | None = None
    """File with a code that signs a browser in as the operator once, by a link; only with a Pub/Sub emulator."""
    api_audience: str | None = None
    """Audience that Google-signed ID tokens must be for: the API's own address."""
    api_iap_audience: str | None = None
    """Audience of Identity-Aware Proxy's assertions, /projects/NUMBER/…; unset: that header proves nothing."""
    api_operators: str = ""
    """E-mail addresses of operators, separated by commas; @example.com: all accounts that Google hosts there."""
    api_viewers: str = ""
    """E-mail addresses of viewers."""
    push_audience: str | None = None
    """Audience of the tokens that Pub/Sub pushes with. Unset: only an emulator's pushes are taken, and on Cloud Run
    those that IAM let through: it takes the signature away when it has checked a token."""
    push_service_account: str | None = None
    """E-mail addresses of the service accounts that Pub/Sub pushes as, separated by commas; goes with PUSH_AUDIENCE."""

    @field_validator("refresh_time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("must be an IANA time zone such as Europe/Berlin")
        return value

    @model_validator(mode="after")
    def _one_database(self) -> Self:
        if (self.database_url is None) == (self.cloud_sql_instance is None):
            raise ValueError("set either DATABASE_URL or CLOUD_SQL_INSTANCE (project:region:instance)")
        if self.cloud_sql_instance is not None and self.database_user is None:
            raise ValueError("CLOUD_SQL_INSTANCE needs DATABASE_USER, the IAM login")
        return self

    @field_validator("api_operators", "api_viewers", "push_service_account")
    @classmethod
    def _addresses(cls, value: str | None) -> str | None:
        if value is None:
            return None
        wrong = [one for one in addresses(value) if one.count("@") != 1 or one.endswith("@") or " " in one]
        if wrong:
            raise ValueError(f"must be e-mail addresses or @domains separated by commas, but has {', '.join(wrong)}")
        return value

    @model_validator(mode="after")
    def _push_is_whole(self) -> Self:
        if (self.push_audience is None) != (self.push_service_account is None):
            raise ValueError("PUSH_AUDIENCE and PUSH_SERVICE_ACCOUNT must both be set, or neither")
        return self

    @model_validator(mode="after")
    def _loopback_only_locally(self) -> Self:
        if self.refresh_webhook_allow_loopback and not self.pubsub_emulator_host:
            raise ValueError("REFRESH_WEBHOOK_ALLOW_LOOPBACK is for local stacks and tests only; unset it")
        LoopbackReceivers.parse(self.refresh_webhook_allow_loopback or "")
        if self.refresh_sign_in_file and not (self.pubsub_emulator_host and self.api_token):
            raise ValueError("REFRESH_SIGN_IN_FILE is for local stacks and tests only; unset it")
        return self

    @property
    def loopback_receivers(self) -> LoopbackReceivers:
        """What REFRESH_WEBHOOK_ALLOW_LOOPBACK allows."""
        return LoopbackReceivers.parse(self.refresh_webhook_allow_loopback or "")

    @property
    def zone(self) -> ZoneInfo:
        """The schedule's time zone."""
        return ZoneInfo(self.refresh_time_zone)


def addresses(text: str) -> frozenset[str]:
    """The entries of a list separated by commas, in lower case."""
    return frozenset(one.strip().lower() for one in text.split(",") if one.strip())


def read_settings() -> Settings:
    """The settings. ConfigurationError names every variable that is missing or wrong, and what is allowed."""
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        problems = "; ".join(
            ": ".join([*(str(part).upper() for part in problem["loc"]), problem["msg"]])
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(f"wrong settings: {problems}") from None
