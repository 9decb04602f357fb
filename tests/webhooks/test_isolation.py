"""A slow receiver slows nobody, no two notifiers send the same at once, and one that is killed loses nothing."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from shared.adapters.egress import Egress
from shared.adapters.webhook import HttpWebhookSender
from shared.domain.errors import RetryLater
from shared.sql import statement
from shared.webhooks.deliveries import PER_ENDPOINT, claim
from shared.webhooks.dispatcher import DispatchLimits
from shared.webhooks.rules import MAX_ENDPOINTS
from tests.support.raw_receiver import OK, Posted, RawReceiver, status
from tests.support.waiting import wait_for
from tests.support.webhooks import LOOPBACK, Webhooks, event, pushed


class Hanging:
    """A receiver's behaviour: every request waits until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self._lock = threading.Lock()
        self.now = 0
        self.most = 0

    def __call__(self, connection: socket.socket, posted: Posted) -> None:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.let_go.wait(30)
        with self._lock:
            self.now -= 1
        connection.sendall(OK)


@contextmanager
def hanging_receiver() -> Iterator[tuple[RawReceiver, Hanging]]:
    behaviour = Hanging()
    with RawReceiver(behaviour) as receiver:
        try:
            yield receiver, behaviour
        finally:
            behaviour.let_go.set()


def test_a_slow_receiver_holds_up_neither_another_one_nor_the_messages(
    webhooks: Webhooks, receiver: RawReceiver
) -> None:
    with hanging_receiver() as (slow, hanging), ThreadPoolExecutor(1) as driver:
        webhooks.add(slow.url())
        webhooks.add(receiver.url())
        driving = driver.submit(webhooks.announce)
        wait_for(lambda: hanging.now == 1, "the slow receiver's first request")
        announced = {webhooks.announce() for _ in range(20)}
        assert not driving.done(), "the others were handed over and answered, while the first still drives"
        wait_for(lambda: len(receiver.requests) == 21, "everything at the quick receiver")
        assert hanging.most <= 4
        hanging.let_go.set()
        driving.result(timeout=30)
        assert {one.headers["webhook-id"] for one in slow.requests} >= {str(one) for one in announced}
        assert webhooks.states() == ["delivered"] * 42


def test_many_slow_receivers_do_not_hold_up_one_that_is_quick(webhooks: Webhooks, receiver: RawReceiver) -> None:
    many = 17
    patient = HttpWebhookSender(Egress(loopback=LOOPBACK), attempt_seconds=60)
    notifier = webhooks.new_notifier(sender=patient)
    with hanging_receiver() as (slow, hanging), ThreadPoolExecutor(1) as driver:
        for number in range(many):
            webhooks.add(slow.url(path=f"/{number}"))
        webhooks.add(receiver.url())
        driving = driver.submit(webhooks.announce, notifier=notifier)
        wait_for(lambda: hanging.now == many, "each slow receiver's first request")
        for _ in range(PER_ENDPOINT):
            webhooks.announce(notifier=notifier)
        wait_for(lambda: hanging.now == many * PER_ENDPOINT, "as much as each slow receiver may have")
        wait_for(lambda: len(receiver.requests) == PER_ENDPOINT + 1, "everything at the quick receiver", timeout=10)
        hanging.let_go.set()
        driving.result(timeout=60)
    assert DispatchLimits().under_way == MAX_ENDPOINTS * PER_ENDPOINT, "room for as many as there may be"


def test_an_attempt_that_cannot_be_judged_is_made_again(
    webhooks: Webhooks, receiver: RawReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhooks.add(receiver.url())
    with monkeypatch.context() as broken, ThreadPoolExecutor(1) as driver:
        broken.setattr("shared.webhooks.sending.judge", lambda response, **_: 1 / 0)
        driver.submit(webhooks.announce).result(timeout=10)
    assert webhooks.delivery()["error"] == "internal: see the notifier's log"
    webhooks.move_time(6)
    webhooks.deliver_due()
    assert webhooks.states() == ["delivered"]


def test_a_failing_receiver_gets_one_request_at_a_time(webhooks: Webhooks) -> None:
    with hanging_receiver() as (slow, hanging), ThreadPoolExecutor(1) as driver:
        webhooks.add(slow.url())
        webhooks.run("UPDATE refresh.webhook_endpoint SET failing_since = now()")
        driving = driver.submit(webhooks.announce)
        wait_for(lambda: hanging.now == 1, "the first request")
        for _ in range(5):
            webhooks.announce()
        assert hanging.most == 1
        hanging.let_go.set()
        driving.result(timeout=30)
        assert len(slow.requests) == 6


def test_many_notifiers_at_once_send_everything_once(webhooks: Webhooks, receiver: RawReceiver) -> None:
    receiver.behave = status(500)
    webhooks.add(receiver.url())
    for _ in range(30):
        webhooks.announce()
    receiver.requests.clear()
    receiver.behave = status(204)
    webhooks.move_time(10)
    notifiers = [webhooks.new_notifier() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda one: webhooks.deliver_due(notifier=one), notifiers))
    webhooks.deliver_due()
    assert set(Counter(one.headers["webhook-id"] for one in receiver.requests).values()) == {1}
    assert webhooks.states() == ["delivered"] * 30


def test_the_bound_of_an_endpoint_holds_over_all_notifiers(webhooks: Webhooks) -> None:
    with hanging_receiver() as (slow, hanging), ThreadPoolExecutor(4) as pool:
        webhooks.add(slow.url())
        notifiers = [webhooks.new_notifier() for _ in range(4)]
        handled = [pool.submit(one.handle, pushed(event())) for one in notifiers]
        wait_for(lambda: hanging.now == 4, "four requests")
        for one in notifiers:
            webhooks.announce(notifier=one)
        assert hanging.most == 4
        hanging.let_go.set()
        for each in handled:
            each.result(timeout=30)
        webhooks.deliver_due()
        assert webhooks.states() == ["delivered"] * 8


def test_while_one_claims_for_an_endpoint_nobody_else_does(webhooks: Webhooks, receiver: RawReceiver) -> None:
    receiver.behave = status(500)
    webhooks.add(receiver.url())
    webhooks.announce()
    webhooks.move_time(10)
    with webhooks.store.transaction() as session:
        assert len(session.run(statement("lock_endpoints_with_due"))) == 1
        assert claim(webhooks.store, limit=1) == []
    assert len(claim(webhooks.store, limit=1)) == 1
    assert claim(webhooks.store, limit=1) == []


def test_what_a_killed_notifier_had_claimed_is_sent_when_its_lease_ends(
    webhooks: Webhooks, receiver: RawReceiver
) -> None:
    receiver.behave = status(500)
    webhooks.add(receiver.url())
    event_id = webhooks.announce()
    receiver.behave = status(204)
    claimed = "SET lease_until = now() + interval '60 seconds', next_attempt_at = now(), epoch = epoch + 1"
    webhooks.run(f"UPDATE refresh.webhook_delivery {claimed}")
    webhooks.deliver_due()
    assert len(receiver.requests) == 1
    webhooks.move_time(61)
    webhooks.deliver_due()
    assert [one.headers["webhook-id"] for one in receiver.requests] == [str(event_id)] * 2
    assert webhooks.delivery()["state"] == "delivered"


def test_whoever_lost_the_claim_settles_nothing(webhooks: Webhooks) -> None:
    with hanging_receiver() as (slow, hanging), ThreadPoolExecutor(1) as pool:
        webhooks.add(slow.url())
        driving = pool.submit(webhooks.announce)
        wait_for(lambda: hanging.now == 1, "the request")
        webhooks.run("UPDATE refresh.webhook_delivery SET epoch = epoch + 1, lease_until = now() + interval '1 hour'")
        hanging.let_go.set()
        driving.result(timeout=30)
    assert (webhooks.delivery()["state"], webhooks.delivery()["last_attempt_at"]) == ("pending", None)


def test_when_the_time_is_up_another_request_drives_and_this_one_ends_what_it_began(
    webhooks: Webhooks, receiver: RawReceiver
) -> None:
    with hanging_receiver() as (slow, hanging), ThreadPoolExecutor(1) as pool:
        webhooks.notifier = webhooks.new_notifier(budget=0.3)
        webhooks.add(slow.url(), events=("refresh.held",))
        webhooks.add(receiver.url(), events=("refresh.completed",))
        first = pool.submit(webhooks.announce, type="refresh.held")
        wait_for(lambda: webhooks.bus.messages, "the call for another request")
        webhooks.announce()
        assert len(receiver.requests) == 1
        assert not first.done()
        hanging.let_go.set()
        first.result(timeout=30)
        assert webhooks.states() == ["delivered"] * 2


def test_a_process_that_is_told_to_end_claims_nothing_more(webhooks: Webhooks, receiver: RawReceiver) -> None:
    webhooks.add(receiver.url())
    webhooks.shutdown.told = True
    webhooks.announce()
    assert receiver.requests == []
    assert [one.topic for one in webhooks.bus.messages] == ["refresh-deliveries"]
    webhooks.shutdown.told = False
    webhooks.deliver_due()
    assert webhooks.states() == ["delivered"]


def test_after_trouble_with_the_database_the_next_request_drives(webhooks: Webhooks, receiver: RawReceiver) -> None:
    webhooks.add(receiver.url())
    webhooks.run("ALTER TABLE refresh.webhook_endpoint RENAME COLUMN failing_since TO away")
    with pytest.raises(Exception, match="failing_since"):
        webhooks.announce()
    webhooks.run("ALTER TABLE refresh.webhook_endpoint RENAME COLUMN away TO failing_since")
    webhooks.deliver_due()
    assert webhooks.states() == ["delivered"]


def test_a_bus_that_is_down_costs_nothing_but_the_call(webhooks: Webhooks) -> None:
    with hanging_receiver() as (slow, hanging), ThreadPoolExecutor(1) as pool:
        webhooks.notifier = webhooks.new_notifier(budget=0.2)
        webhooks.bus.down = True
        webhooks.add(slow.url())
        first = pool.submit(webhooks.announce)
        wait_for(lambda: hanging.now == 1, "the request")
        hanging.let_go.set()
        with suppress(RetryLater):
            first.result(timeout=30)
        assert webhooks.states() == ["delivered"]
