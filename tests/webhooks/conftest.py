"""Fixtures of the webhooks' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infra.local.postgres import Postgres
from tests.support.raw_receiver import RawReceiver
from tests.support.webhooks import Webhooks


@pytest.fixture(scope="module")
def webhooks_url(postgres: Postgres, migrated_template: str) -> Iterator[str]:
    """A database of the module's own."""
    name = "test_webhooks"
    yield postgres.ensure_database(name, template=migrated_template)
    postgres.drop_database(name)


@pytest.fixture
def webhooks(webhooks_url: str) -> Iterator[Webhooks]:
    """A control plane without webhooks, and a notifier on it."""
    webhooks = Webhooks(webhooks_url)
    yield webhooks
    webhooks.run("DELETE FROM refresh.webhook_endpoint")
    webhooks.run("DELETE FROM refresh.refresh_outbox")
    webhooks.store.close()


@pytest.fixture
def receiver() -> Iterator[RawReceiver]:
    """A receiver that takes everything."""
    with RawReceiver() as receiver:
        yield receiver
