"""Which adapter stands behind which port. Everything is made when first asked for, never at import: the module is
loaded before the server forks. What a function does not use, it does not import."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import structlog

from shared import tracing
from shared.adapters import log
from shared.adapters.clock import SystemClock
from shared.adapters.shutdown import GunicornShutdown
from shared.adapters.steps import LoggedSteps
from shared.config import Settings, read_settings
from shared.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from flask import Request

    from shared.adapters.identity import Proofs, PushTokens
    from shared.adapters.postgres import Connect
    from shared.adapters.pubsub import PubSubBus
    from shared.domain.dataset import Dataset
    from shared.messaging.endpoint import Answer
    from shared.ports import Source, Store
    from shared.refresh.runtime import Runtime
    from shared.webhooks.by_hand import DeliveriesByHand
    from shared.webhooks.endpoints import Endpoints
    from shared.webhooks.notifier import Notifier
    from shared.webhooks.sealing import EndpointSecrets

_log = structlog.get_logger()


@cache
def settings() -> Settings:
    """The process's settings; also sets up its log."""
    read = read_settings()
    log.configure(json_lines=read.refresh_log_format == "json", project=read.google_cloud_project)
    _trace(read)
    return read


def _trace(read: Settings) -> None:
    if read.refresh_traces == "off":
        return
    from shared.adapters.telemetry import CLOUD_TRACE, OpenTelemetry

    tracing.install(
        OpenTelemetry(
            CLOUD_TRACE if read.refresh_traces == "cloud_trace" else read.refresh_traces,
            project=read.google_cloud_project,
            function=read.function_target,
            share=read.refresh_trace_share,
        )
    )


@cache
def store() -> Store:
    """Postgres."""
    from shared.adapters.postgres import PostgresStore

    read = settings()
    return PostgresStore(_database(read), role=read.database_role, max_connections=read.database_connections)


def _database(read: Settings) -> str | Connect:
    if read.database_url is not None:
        return read.database_url.get_secret_value()
    if read.cloud_sql_instance is None or read.database_user is None:
        raise AssertionError("unreachable: the settings have one database")
    from shared.adapters.cloudsql import CloudSql

    return CloudSql(
        read.cloud_sql_instance,
        database=read.database_name,
        user=read.database_user,
        ip_type=read.cloud_sql_ip_type,
    )


@cache
def source() -> Source:
    """BigQuery."""
    from shared.adapters.bigquery import BigQuerySource

    return BigQuerySource(
        project=settings().google_cloud_project,
        emulator=settings().bigquery_emulator_host,
        storage_emulator=settings().bigquery_storage_emulator_host,
    )


@cache
def bus() -> PubSubBus:
    """Pub/Sub."""
    from shared.adapters.pubsub import PubSubBus

    return PubSubBus(settings().google_cloud_project, emulator=settings().pubsub_emulator_host)


@cache
def runtime() -> Runtime:
    """What workers work with."""
    from shared.refresh.runtime import Limits, Runtime

    read = settings()
    return Runtime(
        source=source(),
        store=store(),
        clock=SystemClock(),
        steps=LoggedSteps(),
        shutdown=GunicornShutdown(),
        limits=Limits(
            lease=read.refresh_lease_seconds,
            renew_every=read.refresh_lease_seconds / 3,
            budget=read.refresh_time_budget_seconds,
            chunk_rows=read.refresh_chunk_rows,
            max_bytes_billed_per_day=read.refresh_max_bytes_billed_per_day,
            usd_per_tib=read.refresh_usd_per_tib,
            publish_reserve=min(read.refresh_publish_seconds, read.refresh_time_budget_seconds * 0.9),
        ),
    )


@cache
def proofs() -> tuple[Proofs, ...]:
    """How callers of the API prove who they are, in the order in which they are tried."""
    from shared.adapters.identity import GoogleTokens, IapAssertions, Keys, LocalTokens, Roles
    from shared.config import addresses
    from shared.domain.identity import Role

    read, keys = settings(), Keys()
    roles = Roles(operators=addresses(read.api_operators), viewers=addresses(read.api_viewers))
    tokens = {Role.OPERATOR: read.api_token, Role.VIEWER: read.api_viewer_token}
    local = {role: token.get_secret_value() for role, token in tokens.items() if token}
    found: list[Proofs] = []
    if local:
        found.append(LocalTokens(local))
    if read.api_audience:
        found.append(GoogleTokens(audience=read.api_audience, roles=roles, keys=keys))
    if read.api_iap_audience:
        found.append(IapAssertions(audience=read.api_iap_audience, roles=roles, keys=keys))
    return tuple(found)


@cache
def push_tokens() -> PushTokens | None:
    """What a push must prove; None where nothing is said about that."""
    from shared.adapters.identity import PushTokens
    from shared.config import addresses

    read = settings()
    if read.push_audience is None or read.push_service_account is None:
        return None
    return PushTokens(audience=read.push_audience, service_accounts=addresses(read.push_service_account))


def push_refused(request: Request) -> Answer | None:
    """The answer to a push that does not prove to be Pub/Sub's; None for one that does."""
    from shared.domain.errors import RetryLater
    from shared.domain.identity import NotIdentified, NotPermitted

    tokens = push_tokens()
    if tokens is None:
        return None if settings().pubsub_emulator_host or settings().k_service else _no_push_identity()
    try:
        tokens.check(request.headers)
    except NotIdentified:
        return "not identified", 401
    except NotPermitted:
        return "not permitted", 403
    except RetryLater:
        return "deliver again: passing trouble", 503
    return None


def _no_push_identity() -> Answer:
    """Where no platform has checked it and nobody has said whose a push's token must be, none is taken."""
    _log.error("no_push_identity_configured", remedy="set PUSH_AUDIENCE and PUSH_SERVICE_ACCOUNT")
    return "not identified", 401


def serve_table(request: Request, *, function: str, datasets: Mapping[str, Dataset]) -> Answer:
    """Answer a push of a table message: do the table's work, then publish what it owes."""
    from shared.messaging.endpoint import answer
    from shared.refresh.worker import handle_table

    refused = push_refused(request)
    if refused is not None:
        return refused
    return answer(
        request.get_data(),
        dict(request.headers),
        bus=bus(),
        handle=lambda delivery: handle_table(runtime(), bus(), delivery, function=function, datasets=datasets),
    )


def serve_view(request: Request, *, function: str) -> Answer:
    """Answer a push of a message about a materialized view."""
    from shared.messaging.endpoint import answer
    from shared.refresh.worker import handle_view

    refused = push_refused(request)
    if refused is not None:
        return refused
    return answer(
        request.get_data(),
        dict(request.headers),
        bus=bus(),
        handle=lambda delivery: handle_view(runtime(), bus(), delivery, function=function),
    )


@cache
def endpoint_secrets() -> EndpointSecrets:
    """The key of the webhooks' secrets. ConfigurationError when it is not set."""
    from shared.adapters.secretbox import AesSecretBox
    from shared.webhooks.sealing import EndpointSecrets

    key = settings().webhook_secret_key
    if key is None:
        raise ConfigurationError(
            "wrong settings: WEBHOOK_SECRET_KEY: is needed to send and keep webhooks (openssl rand -base64 32)"
        )
    return EndpointSecrets(box=AesSecretBox(key.get_secret_value()))


@cache
def notifier() -> Notifier:
    """What the notifier works with; one for the process, since its dispatcher is."""
    from shared.adapters.egress import Egress
    from shared.adapters.webhook import HttpWebhookSender
    from shared.webhooks.dispatcher import Dispatcher, DispatchLimits
    from shared.webhooks.notifier import Notifier
    from shared.webhooks.sending import Sending

    clock = SystemClock()
    sender = HttpWebhookSender(Egress(loopback=settings().loopback_receivers))
    dispatcher = Dispatcher(
        store=store(),
        sending=Sending(store=store(), sender=sender, secrets=endpoint_secrets(), clock=clock),
        clock=clock,
        shutdown=GunicornShutdown(),
        limits=DispatchLimits(),
    )
    return Notifier(store=store(), bus=bus(), dispatcher=dispatcher)


def webhook_endpoints() -> Endpoints:
    """Webhook endpoints as operators keep them."""
    from shared.webhooks.endpoints import Endpoints

    return Endpoints(store=store(), secrets=endpoint_secrets(), loopback=settings().loopback_receivers)


def webhook_deliveries() -> DeliveriesByHand:
    """Webhook deliveries as operators see to them."""
    from shared.webhooks.by_hand import DeliveriesByHand

    return DeliveriesByHand(store=store())
