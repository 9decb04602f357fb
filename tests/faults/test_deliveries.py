"""Messages twice, ten at once, in any order, days late, after the end, and ones that nobody can handle.

REFRESH_TEST_SEED: the first seed of the random schedules; REFRESH_TEST_SCHEDULES: how many.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.local.postgres import Postgres
from tests.conftest import BigQueryEnv
from tests.support.aftermath import fresh_engine, let_time_pass
from tests.support.engine import Engine
from tests.support.failing import FailingStore, Failure
from tests.support.invariants import check_invariants
from tests.support.orders import Orders
from tests.support.post_office import GENERIC_TOPIC, KilledError, Letter, PostOffice
from tests.support.rehearsal import HurriedClock, Rehearsal

_FIRST_SEED = int(os.environ.get("REFRESH_TEST_SEED", "1"))
_SCHEDULES = int(os.environ.get("REFRESH_TEST_SCHEDULES", "12"))
_MOST_ROUNDS = 60
WRITTEN = {"inserted": 4, "updated": 4, "deleted": 5}
"""What the rehearsed change comes to."""
_UNKNOWN_RUN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def rehearsal(postgres: Postgres, migrated_template: str, bigquery_env: BigQueryEnv) -> Iterator[Rehearsal]:
    with fresh_engine(postgres, migrated_template, bigquery_env) as engine:
        engine.sql("DELETE FROM refresh.refresh_table_registry")
        engine.clock = HurriedClock()
        yield Rehearsal(engine, slice_target_rows=4, parallelism=3)


@pytest.fixture
def post(rehearsal: Rehearsal) -> PostOffice:
    """A post office with a daily trigger and a manual run of the changed table under way."""
    rehearsal.rewind()
    engine = rehearsal.engine
    engine.sql("UPDATE refresh.refresh_outbox SET published_at = now() WHERE published_at IS NULL")
    engine.sql("UPDATE refresh.refresh_table_registry SET next_refresh_at = NULL")
    engine.sql("UPDATE refresh.refresh_run SET idempotency_key = run_id::text")
    post = PostOffice(engine)
    post.post("refresh-schedule", b'{"version":1,"kind":"daily"}')
    request(engine)
    post.sweep()
    return post


def request(engine: Engine) -> str:
    """A manual run of all tables."""
    (row,) = engine.sql("SELECT refresh.request_run() AS run_id")
    return str(row["run_id"])


def work_off(post: PostOffice, deliver: Callable[[Letter], None], choose: Callable[[list[Letter]], Letter]) -> None:
    """Deliver what waits, one after the other in the chosen order, until nothing waits and no task is open."""
    engine = post.engine
    for _ in range(_MOST_ROUNDS):
        while post.waiting:
            letter = choose(list(post.waiting))
            deliver(letter)
        if not engine.sql("SELECT FROM refresh.refresh_task WHERE status IN ('queued', 'running')"):
            return
        let_time_pass(engine, minutes=2)
        post.sweep()
    raise AssertionError(f"not at rest after {_MOST_ROUNDS} sweeps")


def assert_at_rest(rehearsal: Rehearsal) -> None:
    """Both runs have ended well, and the change was written once, whichever of them did it."""
    engine = rehearsal.engine
    assert rehearsal.orders.target() == rehearsal.expected
    rows = engine.sql(
        "SELECT t.status, rows_inserted AS inserted, rows_updated AS updated, rows_deleted AS deleted"
        " FROM refresh.refresh_task t JOIN refresh.refresh_run r USING (run_id) ORDER BY r.created_at DESC LIMIT 2"
    )
    assert {row["status"] for row in rows} <= {"success", "no_new_data"}
    written = {name: sum(row[name] for row in rows) for name in ("inserted", "updated", "deleted")}
    assert written == WRITTEN
    assert engine.sql("SELECT run_id FROM refresh.refresh_run WHERE status = 'running'") == []
    check_invariants(engine)


def oldest(waiting: list[Letter]) -> Letter:
    return waiting[0]


def test_every_message_twice(rehearsal: Rehearsal, post: PostOffice) -> None:
    def twice(letter: Letter) -> None:
        assert post.deliver(letter) == 200
        assert post.deliver(letter) == 200
        post.settle(letter)

    work_off(post, twice, oldest)
    assert_at_rest(rehearsal)


def test_every_message_ten_times_at_once(rehearsal: Rehearsal, post: PostOffice) -> None:
    with ThreadPoolExecutor(10) as pool:

        def ten_times(letter: Letter) -> None:
            answers = list(pool.map(lambda _: post.deliver(letter), range(10)))
            assert set(answers) <= {200, 503}
            if 200 in answers:
                post.settle(letter)

        work_off(post, ten_times, oldest)
    assert_at_rest(rehearsal)


def test_the_newest_message_always_first(rehearsal: Rehearsal, post: PostOffice) -> None:
    def once(letter: Letter) -> None:
        assert post.deliver(letter) == 200
        post.settle(letter)

    work_off(post, once, lambda waiting: waiting[-1])
    assert_at_rest(rehearsal)


def test_messages_after_the_end_change_nothing(rehearsal: Rehearsal, post: PostOffice) -> None:
    def once(letter: Letter) -> None:
        assert post.deliver(letter) == 200
        post.settle(letter)

    work_off(post, once, oldest)
    assert_at_rest(rehearsal)
    engine = rehearsal.engine
    history = "SELECT max(audit_id) AS audited FROM refresh.refresh_audit_log"
    owed = "SELECT max(outbox_id) AS owed FROM refresh.refresh_outbox"
    before = engine.sql(history), engine.sql(owed)
    for letter in list(post.all):
        assert post.deliver(letter) == 200
    assert (engine.sql(history), engine.sql(owed)) == before
    assert_at_rest(rehearsal)


def test_a_message_days_late_does_not_bring_back_old_rows(engine: Engine) -> None:
    engine.sql("DELETE FROM refresh.refresh_table_registry")
    orders = Orders(engine, slice_target_rows=8)
    orders.days(1, 4)
    post = PostOffice(engine)
    late = request(engine)
    post.sweep()
    planned = post.waiting.pop()
    assert post.deliver(planned) == 200
    (kept,) = [letter for letter in post.waiting if letter.topic == GENERIC_TOPIC]
    post.waiting.clear()

    orders.change()
    assert orders.refresh()["status"] == "success"
    newest = orders.target()
    assert newest == orders.source()

    assert post.deliver(kept) == 200
    assert post.deliver(kept) == 200
    (task,) = engine.sql("SELECT status, reason FROM refresh.refresh_task WHERE run_id = :run", run=late)
    assert (task["status"], task["reason"]) == ("skipped", "superseded")
    assert orders.target() == newest
    check_invariants(engine)


POISON = {
    b"\xff\xfe not JSON": "malformed",
    b"[]": "malformed: the message is not a JSON object",
    b'{"version":2}': "unknown_version: 2, only 1 is known",
    b'{"version":1,"run_id":"' + _UNKNOWN_RUN.encode() + b'","table":"public.orders"}': "unknown_task: run",
    b'{"version":1,"run_id":"' + _UNKNOWN_RUN.encode() + b'","table":"orders"}': "malformed: table 'orders'",
    b'{"version":1,"run_id":"x","table":"public.orders"}': 'malformed: run_id is "x", not a UUID',
    b'{"version":1,"run_id":"' + _UNKNOWN_RUN.encode() + b'","table":"public.orders","lane":-1}': "malformed: lane",
}


def test_poison_is_put_aside_with_its_reason_and_holds_nobody_up(rehearsal: Rehearsal, post: PostOffice) -> None:
    engine = rehearsal.engine
    for data in POISON:
        post.post(GENERIC_TOPIC, data)
        post.post(GENERIC_TOPIC, data)
    post.post("refresh-schedule", b'{"version":1,"kind":"weekly"}')

    def once(letter: Letter) -> None:
        assert post.deliver(letter) == 200
        post.settle(letter)

    work_off(post, once, lambda waiting: waiting[-1])
    assert_at_rest(rehearsal)
    letters = engine.sql("SELECT topic, reason, payload FROM refresh.refresh_dead_letter ORDER BY dead_letter_id")
    assert len(letters) == 2 * len(POISON) + 1
    for data, reason in POISON.items():
        mine = [one for one in letters if one["payload"] == data.decode("utf-8", "backslashreplace")]
        assert [one["topic"] for one in mine] == [GENERIC_TOPIC] * 2
        assert all(one["reason"].startswith(reason) for one in mine)
    (weekly,) = [one for one in letters if one["topic"] == "refresh-schedule"]
    assert weekly["reason"].startswith('unknown_kind: "weekly"')


@pytest.mark.parametrize("seed", range(_FIRST_SEED, _FIRST_SEED + _SCHEDULES))
def test_a_random_schedule_comes_to_the_same_end(rehearsal: Rehearsal, post: PostOffice, seed: int) -> None:
    print(f"seed {seed}: REFRESH_TEST_SEED={seed} REFRESH_TEST_SCHEDULES=1 replays this schedule")
    chance = random.Random(seed)

    def anyhow(letter: Letter) -> None:
        """Deliver it: well, without an acknowledgement, or to a process that is killed at some statement."""
        match chance.choices(["well", "again", "killed", "time passes"], [5, 2, 4, 1])[0]:
            case "well":
                if post.deliver(letter) == 200:
                    post.settle(letter)
            case "again":
                post.deliver(letter)
            case "killed":
                death = Failure(KilledError, chance.randint(1, 60), for_good=True)
                try:
                    if post.deliver(letter, store=FailingStore(rehearsal.engine.store, death)) == 200:
                        post.settle(letter)
                except KilledError:
                    pass
            case "time passes":
                let_time_pass(rehearsal.engine, minutes=2)
                post.sweep()

    work_off(post, anyhow, chance.choice)
    assert_at_rest(rehearsal)
