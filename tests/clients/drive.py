"""Drives the API by a client that openapi-python-client has made of its document; prints what came of each call."""

from __future__ import annotations

import json
import os
from typing import Any
from uuid import UUID

from refresh_client import AuthenticatedClient
from refresh_client.api.configuration import change_configuration, get_configuration, list_configurations
from refresh_client.api.history import get_history, get_metrics
from refresh_client.api.overview import get_status
from refresh_client.api.runs import get_run, trigger_refresh
from refresh_client.api.webhooks import create_webhook, delete_webhook, get_webhook, test_webhook
from refresh_client.models import (
    ConfigurationChange,
    Configurations,
    DeliveryOwed,
    EndedState,
    EventType,
    History,
    Problem,
    Run,
    RunAccepted,
    Status,
    TableConfiguration,
    TableState,
    TriggerRequest,
    Webhook,
    WebhookCreated,
    WebhookDraft,
)
from refresh_client.types import Response

TABLE = "public.a"
found: dict[str, Any] = {}


def told(response: Response[Any]) -> list[Any]:
    problem = response.parsed
    assert isinstance(problem, Problem), problem
    errors = problem.errors if isinstance(problem.errors, list) else []
    return [int(response.status_code), problem.type_, [one.field for one in errors]]


client = AuthenticatedClient(base_url=os.environ["API_URL"], token=os.environ["API_TOKEN"])
with client as client:
    status = get_status.sync(client=client)
    assert isinstance(status, Status)
    found["tables"] = [one.table for one in status.tables]
    found["state"] = all(one.status is TableState.NEVER_REFRESHED for one in status.tables)

    body = TriggerRequest(tables=[TABLE])
    asked = trigger_refresh.sync_detailed(client=client, body=body, idempotency_key="clients-key")
    again = trigger_refresh.sync(client=client, body=body, idempotency_key="clients-key")
    accepted = asked.parsed
    assert isinstance(accepted, RunAccepted)
    assert isinstance(again, RunAccepted)
    found["same"] = accepted.run_id == again.run_id
    found["location"] = asked.headers["Location"] == accepted.url

    run = get_run.sync(accepted.run_id, client=client)
    assert isinstance(run, Run)
    found["run"] = str(run.status)

    found["pages"], last = 0, 1
    while found["pages"] < last:
        listed = list_configurations.sync(client=client, page=found["pages"] + 1, page_size=2)
        assert isinstance(listed, Configurations)
        last = listed.pagination.pages
        found["pages"] += 1
    ended = get_history.sync(client=client, status=EndedState.SUCCESS, page_size=1)
    assert isinstance(ended, History)
    found["ended"] = len(ended.items)

    read = get_configuration.sync_detailed(TABLE, client=client)
    careful = client.with_headers({"If-Match": read.headers["ETag"]})
    changed = change_configuration.sync(TABLE, client=careful, body=ConfigurationChange(priority=7))
    assert isinstance(read.parsed, TableConfiguration)
    assert isinstance(changed, TableConfiguration)
    found["priority"] = changed.priority
    whole = ConfigurationChange.from_dict(read.parsed.to_dict())
    found["lost"] = told(change_configuration.sync_detailed(TABLE, client=careful, body=whole))

client = AuthenticatedClient(base_url=os.environ["API_URL"], token=os.environ["API_TOKEN"])
with client as client:
    draft = WebhookDraft(url="https://hooks.example.com/refresh", events=[EventType.REFRESH_FAILED])
    made = create_webhook.sync_detailed(client=client, body=draft)
    assert isinstance(made.parsed, WebhookCreated)
    endpoint: UUID = made.parsed.endpoint_id
    tested = test_webhook.sync(endpoint, client=client)
    assert isinstance(tested, DeliveryOwed)
    found["delivery"] = tested.url.startswith(made.headers["Location"])
    gone = delete_webhook.sync(endpoint, client=client)
    assert isinstance(gone, Webhook)
    found["deleted"] = gone.endpoint_id == endpoint

    found["missing"] = told(get_webhook.sync_detailed(endpoint, client=client))
    found["wrong"] = told(get_metrics.sync_detailed(client=client, days=91))
    sideways = TriggerRequest.from_dict({"tables": []})
    found["refused"] = told(trigger_refresh.sync_detailed(client=client, body=sideways))

print(json.dumps(found))
