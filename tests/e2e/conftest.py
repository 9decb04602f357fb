"""The whole system on this machine, one for all the tests of a Pub/Sub variant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.pubsub import official_emulator
from tests.e2e.system import System, running_system


@pytest.fixture(scope="module")
def system(session_folder: Path) -> Iterator[System]:
    """Every function in a process of its own, on the embedded Pub/Sub."""
    with running_system("embedded", session_folder) as system:
        yield system


@pytest.fixture(scope="module")
def official_system(session_folder: Path) -> Iterator[System]:
    """The same on Google's emulator of Pub/Sub."""
    if official_emulator() is None:
        pytest.skip("the Google Cloud SDK's Pub/Sub emulator, or java, is not on this machine")
    with running_system("official", session_folder) as system:
        yield system
