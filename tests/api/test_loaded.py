"""What the API does once, so that no request waits for it."""

from __future__ import annotations

import gc

import pytest

from functions.api.main import application
from shared import wiring


def test_no_request_waits_for_the_collector_to_look_through_all_that_was_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody:nothing@127.0.0.1:1/nothing")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "test")
    monkeypatch.setenv("API_TOKEN", "token")
    for made in (wiring.settings, wiring.proofs, application):
        made.cache_clear()
    gc.collect()
    gc.unfreeze()
    try:
        application()
        assert len(gc.get_objects()) < gc.get_freeze_count() / 10
    finally:
        gc.unfreeze()
        for made in (wiring.settings, wiring.proofs, application):
            made.cache_clear()
