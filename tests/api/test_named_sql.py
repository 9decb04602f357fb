"""Named SQL over HTTP: checked by BigQuery and against the tables that read it, before it is kept."""

from __future__ import annotations

import pytest

from shared import wiring
from tests.api.conftest import VIEWER, Api
from tests.conftest import BigQueryEnv
from tests.support.engine import emulated_source

PATH = "/api/refresh/named-sql"


@pytest.fixture
def dataset(api: Api, bigquery_env: BigQueryEnv, bigquery_dataset: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A dataset with the table orders; its source is the real adapter."""
    bigquery_env.client.query(f"CREATE TABLE {bigquery_dataset}.orders (id INT64, amount NUMERIC)").result()
    source = emulated_source(bigquery_env.project, bigquery_env.rest_url, bigquery_env.grpc_address)
    monkeypatch.setattr(wiring, "source", lambda: source)
    return bigquery_dataset


def text(dataset: str, columns: str = "id, amount") -> str:
    return f"SELECT {columns} FROM `{dataset}.orders` FOR SYSTEM_TIME AS OF @snapshot_at"


def test_it_is_made_read_and_removed(api: Api, dataset: str) -> None:
    made = api("PUT", f"{PATH}/orders", json={"sql": text(dataset), "description": "All orders."})
    assert made.status_code == 201, made.text
    assert api("PUT", f"{PATH}/orders", json={"sql": text(dataset)}).status_code == 200
    assert api.get(f"{PATH}/orders")["sql"] == text(dataset)
    assert [one["name"] for one in api.get(PATH)["items"]] == ["orders"]
    assert api("DELETE", f"{PATH}/orders").get_json() == {"items": []}
    assert api("GET", f"{PATH}/orders").status_code == 404
    assert api("DELETE", f"{PATH}/orders").status_code == 404


@pytest.mark.parametrize(
    ("columns", "as_of", "problem"),
    [("id", False, "at the run's snapshot"), ("nothing", True, "nothing")],
)
def test_a_query_that_would_not_work_is_refused(
    api: Api, dataset: str, columns: str, as_of: bool, problem: str
) -> None:
    sql = text(dataset, columns) if as_of else f"SELECT {columns} FROM `{dataset}.orders`"
    refused = api("PUT", f"{PATH}/orders", json={"sql": sql})
    assert refused.status_code == 409
    assert problem in refused.get_json()["detail"]
    assert api.get(PATH) == {"items": []}


def test_a_table_that_reads_it_has_to_go_on_working(api: Api, dataset: str) -> None:
    api("PUT", f"{PATH}/orders", json={"sql": text(dataset)})
    api.plane.run("CREATE TABLE public.orders (id bigint PRIMARY KEY, amount numeric)")
    registered = api("POST", "/api/refresh/config", json={"table": "public.orders", "source": "sql:orders"})
    assert registered.status_code == 201, registered.text
    assert api.get(f"{PATH}/orders")["tables"] == ["public.orders"]
    broken = api("PUT", f"{PATH}/orders", json={"sql": text(dataset, "amount")})
    assert broken.status_code == 409
    assert "id" in broken.get_json()["detail"]
    assert api.get(f"{PATH}/orders")["sql"] == text(dataset)
    assert api("DELETE", f"{PATH}/orders").status_code == 409


def test_viewers_only_read_and_names_are_names(api: Api, dataset: str) -> None:
    assert api("PUT", f"{PATH}/orders", json={"sql": text(dataset)}, token=VIEWER).status_code == 403
    assert api("PUT", f"{PATH}/Orders", json={"sql": text(dataset)}).status_code == 404
    assert api("GET", PATH, token=VIEWER).status_code == 200


def test_a_query_is_checked_without_being_kept(api: Api, dataset: str) -> None:
    checked = api("POST", f"{PATH}/orders/check", json={"sql": text(dataset)})
    assert checked.get_json() == {
        "name": "orders",
        "columns": [{"name": "id", "type": "INT64"}, {"name": "amount", "type": "NUMERIC"}],
        "tables": [],
    }
    assert api.get(PATH) == {"items": []}
    api("PUT", f"{PATH}/orders", json={"sql": text(dataset)})
    api.plane.run("CREATE TABLE public.orders (id bigint PRIMARY KEY, amount numeric)")
    api("POST", "/api/refresh/config", json={"table": "public.orders", "source": "sql:orders"})
    broken = api("POST", f"{PATH}/orders/check", json={"sql": text(dataset, "amount")})
    assert (broken.status_code, "public.orders" in broken.get_json()["detail"]) == (409, True)
    assert api.get(f"{PATH}/orders")["sql"] == text(dataset)
    assert api("POST", f"{PATH}/No Name/check", json={"sql": text(dataset)}).status_code == 404
    assert api("POST", f"{PATH}/orders/check", json={"sql": text(dataset)}, token=VIEWER).status_code == 403
