"""A statement that a connection has planned before answers as one that is planned anew."""

from collections.abc import Iterator

import pytest

from shared.adapters.postgres import PostgresStore
from shared.domain.errors import StoreRefused
from shared.ports import Session

SUM = "SELECT sum(value)::int AS total FROM public.item WHERE value > :least"
KNOWN = "SELECT count(*)::int AS known FROM pg_prepared_statements"


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    store = PostgresStore(postgres_url)
    with store.transaction() as session:
        session.run("CREATE TABLE public.item AS SELECT value FROM generate_series(1, 10) AS value")
    yield store
    store.close()


def total(session: Session, least: int) -> int:
    (row,) = session.run_prepared(SUM, least=least)
    found: int = row["total"]
    return found


def test_it_is_prepared_once_and_takes_other_parameters_each_time(store: PostgresStore) -> None:
    for least, expected in ((0, 55), (9, 10), (5, 40)):
        with store.transaction() as session:
            assert total(session, least) == expected
            assert session.run(KNOWN) == [{"known": 1}]


def test_it_follows_a_table_that_is_made_anew(store: PostgresStore) -> None:
    with store.transaction() as session:
        assert total(session, 0) == 55
        session.run("DROP TABLE public.item")
        session.run("CREATE TABLE public.item AS SELECT 7::bigint AS value")
        assert total(session, 0) == 7


def test_what_could_not_be_prepared_is_tried_again(store: PostgresStore) -> None:
    with store.transaction() as session:
        session.run("ALTER TABLE public.item RENAME TO away")
    with pytest.raises(StoreRefused, match="does not exist"), store.transaction() as session:
        total(session, 0)
    with store.transaction() as session:
        session.run("ALTER TABLE public.away RENAME TO item")
    with store.transaction() as session:
        assert total(session, 0) == 55


def test_another_connection_prepares_its_own(store: PostgresStore) -> None:
    with store.transaction() as one, store.transaction() as other:
        assert (total(one, 0), total(other, 5)) == (55, 40)
    store.close()
    with store.transaction() as session:
        assert total(session, 9) == 10
