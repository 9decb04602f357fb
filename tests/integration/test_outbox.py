"""What is owed goes out, oldest first; two flushes at once share it, and a crash in between only doubles it."""

from collections.abc import Sequence

import pytest

from shared.domain.errors import RetryLater
from shared.domain.messages import OwedMessage
from shared.messaging.outbox import flush
from tests.support.control_plane import ControlPlane, RecordingBus


class FlushingBus(RecordingBus):
    """Flushes the same outbox once more in the middle of publishing."""

    def __init__(self, plane: ControlPlane) -> None:
        super().__init__()
        self.inner = RecordingBus()
        self._plane = plane

    def publish(self, messages: Sequence[OwedMessage]) -> list[int]:
        flush(self._plane.store, self.inner)
        return super().publish(messages)


class ForgettingBus(RecordingBus):
    """Takes every other message; or dies when all are out."""

    def __init__(self, *, dies: bool = False) -> None:
        super().__init__()
        self.dies = dies

    def publish(self, messages: Sequence[OwedMessage]) -> list[int]:
        taken = super().publish(messages)
        if self.dies:
            raise KeyboardInterrupt
        return taken[::2]


@pytest.fixture
def owing(plane: ControlPlane) -> ControlPlane:
    """Five owed messages, numbered."""
    plane.run(
        "INSERT INTO refresh.refresh_outbox (topic, payload, attributes) "
        "SELECT 't', jsonb_build_object('number', n), '{\"a\": \"b\"}' FROM generate_series(0, 4) AS n ORDER BY n"
    )
    return plane


def numbers(bus: RecordingBus) -> list[int]:
    return [one.payload["number"] for one in bus.messages]


def test_the_oldest_go_first_and_each_once(owing: ControlPlane) -> None:
    assert flush(owing.store, owing.bus, limit=3) == 3
    assert numbers(owing.bus) == [0, 1, 2]
    assert flush(owing.store, owing.bus) == 2
    assert flush(owing.store, owing.bus) == 0
    assert numbers(owing.bus) == [0, 1, 2, 3, 4]
    assert owing.bus.messages[0].attributes == {"a": "b"}


def test_two_flushes_at_once_publish_nothing_twice_and_do_not_wait(owing: ControlPlane) -> None:
    bus = FlushingBus(owing)
    assert flush(owing.store, bus, limit=3) == 3
    assert (numbers(bus), numbers(bus.inner)) == ([0, 1, 2], [3, 4])


def test_what_was_not_taken_stays_owed(owing: ControlPlane) -> None:
    assert flush(owing.store, ForgettingBus()) == 3
    flush(owing.store, owing.bus)
    assert numbers(owing.bus) == [1, 3]


def test_a_bus_that_takes_nothing_leaves_all_owed(owing: ControlPlane) -> None:
    owing.bus.down = True
    with pytest.raises(RetryLater):
        flush(owing.store, owing.bus)
    owing.bus.down = False
    assert flush(owing.store, owing.bus) == 5


def test_a_crash_after_publishing_only_publishes_again(owing: ControlPlane) -> None:
    with pytest.raises(KeyboardInterrupt):
        flush(owing.store, ForgettingBus(dies=True))
    assert flush(owing.store, owing.bus) == 5
