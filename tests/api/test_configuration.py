"""Reading and changing how tables are refreshed, against a real target and the emulator's source."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared import wiring
from shared.domain.errors import PermanentError
from tests.api.conftest import OPERATOR, VIEWER, Api
from tests.conftest import BigQueryEnv
from tests.support.engine import emulated_source

CONFIG = "/api/refresh/config"
PREVIEW = "/api/refresh/registration-preview"


@pytest.fixture
def dataset(api: Api, bigquery_env: BigQueryEnv, bigquery_dataset: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A dataset with the table orders; its source is the real adapter."""
    bigquery_env.client.query(
        f"CREATE TABLE {bigquery_dataset}.orders (OrderId INT64, report_date DATE, amount NUMERIC, tags ARRAY<STRING>)"
    ).result()
    source = emulated_source(bigquery_env.project, bigquery_env.rest_url, bigquery_env.grpc_address)
    monkeypatch.setattr(wiring, "source", lambda: source)
    return bigquery_dataset


def put(api: Api, path: str, body: dict[str, Any], *, version: str = "*", **rest: Any) -> Any:
    return api("PUT", f"{CONFIG}{path}", json=body, headers={"If-Match": version}, **rest)


def test_a_table_is_registered_by_what_is_suggested(api: Api, dataset: str) -> None:
    suggested = api.get(f"/api/refresh/registration-suggestion?source={dataset}.orders&table=public.orders")
    assert suggested["registration"]["key_columns"] == ["report_date", "order_id"]
    assert suggested["registration"]["scope_column"] == "report_date"
    assert suggested["registration"]["column_map"] == {"OrderId": "order_id"}
    assert '"tags" text[]' in suggested["ddl"]
    api.plane.run(suggested["ddl"])
    response = api("POST", CONFIG, json=suggested["registration"])
    assert response.status_code == 201, response.text
    assert response.headers["ETag"] == '"1"'
    assert response.get_json()["source"] == f"{dataset}.orders"
    again = api("POST", CONFIG, json=suggested["registration"])
    assert (again.status_code, again.get_json()["type"]) == (409, "urn:refresh:problem:already_registered")


def test_a_registration_is_looked_at_before(api: Api, dataset: str) -> None:
    api.plane.run(
        "CREATE TABLE public.orders (order_id bigint PRIMARY KEY, day date, amount numeric, seen timestamptz)"
    )
    body = {
        "table": "public.orders",
        "source": f"{dataset}.orders",
        "column_map": {"OrderId": "order_id", "report_date": "day", "tags": None},
        "loaded_at_column": "seen",
    }
    found = api("POST", PREVIEW, json=body)
    assert found.status_code == 200, found.text
    assert found.get_json() == {
        "table": "public.orders",
        "checked_against_source": True,
        "columns": [
            {"name": "order_id", "type": "bigint", "source": "OrderId", "source_type": "INT64"},
            {"name": "day", "type": "date", "source": "report_date", "source_type": "DATE"},
            {"name": "amount", "type": "numeric", "source": "amount", "source_type": "NUMERIC"},
        ],
        "ignored_columns": [],
        "unfed_columns": [],
        "key_columns": ["order_id"],
        "target_is_empty": True,
        "note": None,
    }
    api.plane.run("INSERT INTO public.orders VALUES (1)")
    api.plane.run("ALTER TABLE public.orders ADD remark text, DROP amount")
    found = api("POST", PREVIEW, json=body).get_json()
    assert (found["target_is_empty"], found["ignored_columns"], found["unfed_columns"]) == (
        False,
        ["amount"],
        ["remark"],
    )
    assert api.get(CONFIG)["items"] == []
    assert api.get("/api/refresh/audit?event=table_registered")["items"] == []


def test_what_stands_against_a_registration_is_said_before(api: Api, dataset: str) -> None:
    api.plane.register("a")
    body = {"table": "public.orders", "source": f"{dataset}.orders"}
    assert api("POST", PREVIEW, json=body).status_code == 404
    registered = api("POST", PREVIEW, json=body | {"table": "public.a"})
    assert (registered.status_code, registered.get_json()["type"]) == (409, "urn:refresh:problem:already_registered")
    api.plane.run("CREATE TABLE public.orders (order_id bigint PRIMARY KEY)")
    assert api("POST", PREVIEW, json=body | {"key_columns": ["day"]}).status_code == 409
    assert api("POST", PREVIEW, json=body, token=VIEWER).status_code == 403
    view = "CREATE MATERIALIZED VIEW public.v AS SELECT 1 AS id; CREATE UNIQUE INDEX ON public.v (id)"
    for statement in view.split("; "):
        api.plane.run(statement)
    found = api("POST", PREVIEW, json={"table": "public.v", "handler": "summaries"}).get_json()
    assert (found["checked_against_source"], found["columns"]) == (False, [])


def test_a_source_that_does_not_exist_or_fit_is_refused(api: Api, dataset: str) -> None:
    api.plane.run("CREATE TABLE public.orders (order_id bigint PRIMARY KEY, amount text)")
    body = {"table": "public.orders", "column_map": {"OrderId": "order_id"}}
    missing = api("POST", CONFIG, json=body | {"source": f"{dataset}.nowhere"})
    assert (missing.status_code, missing.get_json()["type"]) == (409, "urn:refresh:problem:invalid_registration")
    assert "does not exist in BigQuery" in missing.get_json()["detail"]
    unfit = api("POST", CONFIG, json=body | {"source": f"{dataset}.orders"})
    assert unfit.status_code == 409
    assert "amount" in unfit.get_json()["detail"]
    unknown = api("POST", CONFIG, json=body | {"source": f"{dataset}.orders", "column_map": {"x": "order_id"}})
    assert unknown.status_code == 409
    assert api.get(CONFIG)["items"] == []


def test_a_key_that_is_not_unique_at_the_source_is_refused(api: Api, dataset: str, bigquery_env: BigQueryEnv) -> None:
    api.plane.run("CREATE TABLE public.orders (order_id bigint PRIMARY KEY, amount numeric UNIQUE)")
    body = {"table": "public.orders", "source": f"{dataset}.orders", "column_map": {"OrderId": "order_id"}}
    values = "(1, NULL, NUMERIC '2', []), (1, NULL, NUMERIC '3', [])"
    bigquery_env.client.query(f"INSERT INTO {dataset}.orders VALUES {values}").result()
    doubled = api("POST", CONFIG, json=body)
    assert (doubled.status_code, doubled.get_json()["type"]) == (409, "urn:refresh:problem:invalid_registration")
    assert "1 key(s) stand more than once" in doubled.get_json()["detail"]
    assert api.get(CONFIG)["items"] == []
    other = api("POST", CONFIG, json=body | {"key_columns": ["amount"]})
    assert other.status_code == 201, other.text
    assert "Refresh-Note" not in other.headers
    back = {"key_columns": ["order_id"]}
    assert put(api, "/public.orders", back).status_code == 409
    assert api("POST", f"{CONFIG}/public.orders/preview", json=back).status_code == 409
    bigquery_env.client.query(f"UPDATE {dataset}.orders SET OrderId = NULL WHERE amount = 3").result()
    assert "are NULL in 1 row(s)" in put(api, "/public.orders", back).get_json()["detail"]
    assert api.get(f"{CONFIG}/public.orders")["key_columns"] == ["amount"]


def test_a_key_that_could_not_be_looked_at_is_said_to_be_unchecked(
    api: Api, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.plane.run("CREATE TABLE public.orders (order_id bigint PRIMARY KEY)")

    def refused(*_: Any, **__: Any) -> None:
        raise PermanentError("Access Denied: no permission to read", reason="bigquery_refused")

    monkeypatch.setattr(wiring.source(), "run", refused)
    body = {"table": "public.orders", "source": f"{dataset}.orders", "column_map": {"OrderId": "order_id"}}
    made = api("POST", CONFIG, json=body)
    assert made.status_code == 201
    assert "was not checked: Access Denied" in made.headers["Refresh-Note"]


def test_the_source_is_asked_only_when_it_matters(api: Api) -> None:
    api.plane.register("a")
    assert put(api, "/public.a", {"priority": 5}).status_code == 200


def test_fields_that_are_left_out_stay(api: Api) -> None:
    api.plane.register("a", "b")
    response = put(api, "/public.a", {"priority": 5, "max_bytes_billed": 10**9, "depends_on": {"public.b": "soft"}})
    changed = response.get_json()
    assert (changed["priority"], changed["frequency_hours"], changed["depends_on"]) == (5, 24, {"public.b": "soft"})
    assert put(api, "/public.a", {"max_bytes_billed": None}).get_json()["max_bytes_billed"] is None


def test_a_whole_answer_can_be_sent_back(api: Api) -> None:
    api.plane.register("a")
    read = api("GET", f"{CONFIG}/public.a")
    body = read.get_json() | {"frequency_hours": 48}
    del body["source"], body["handler"], body["column_map"], body["key_columns"], body["scope_column"]
    del body["scope_bucket"], body["strategy"], body["nul_policies"], body["loaded_at_column"]
    response = put(api, "/public.a", body, version=read.headers["ETag"])
    assert response.get_json()["frequency_hours"] == 48
    stale = put(api, "/public.a", body, version=read.headers["ETag"])
    assert stale.status_code == 412


@pytest.mark.parametrize("shape", ['"{}"', "{}"])
def test_a_lost_race_is_told_with_the_version_now(api: Api, shape: str) -> None:
    api.plane.register("a")
    assert put(api, "/public.a", {"priority": 1}, version=shape.format(1)).headers["ETag"] == '"2"'
    lost = put(api, "/public.a", {"priority": 2}, version=shape.format(1))
    assert (lost.status_code, lost.headers["ETag"]) == (412, '"2"')
    assert api.get(f"{CONFIG}/public.a")["priority"] == 1
    assert put(api, "/public.a", {"priority": 3}, version="nonsense").status_code == 412
    assert api("PUT", f"{CONFIG}/public.a", json={"priority": 3}).headers["ETag"] == '"3"'


def test_a_change_of_dependencies_is_a_new_version(api: Api) -> None:
    api.plane.register("a", "b")
    assert put(api, "/public.a", {"depends_on": {"public.b": "hard"}}, version='"1"').headers["ETag"] == '"2"'
    assert put(api, "/public.a", {"depends_on": {"public.b": "hard"}}, version='"2"').headers["ETag"] == '"2"'


def test_every_change_is_in_the_audit_with_who_and_what(api: Api) -> None:
    api.plane.register("a")
    put(api, "/public.a", {"priority": 5})
    (entry,) = api.get("/api/refresh/audit?table=public.a&event=config_changed")["items"]
    assert entry["by"] == "local:operator"
    assert entry["details"]["changed"] == {"priority": {"old": 100, "new": 5}}
    assert api.get("/api/refresh/audit?by=local:operator")["items"] == [entry]


def test_who_asked_for_a_run_is_found_in_the_audit(api: Api) -> None:
    api.plane.register("a")
    run_id = api.trigger("public.a").get_json()["run_id"]
    found = api.get("/api/refresh/audit?by=local:operator")["items"]
    assert {(one["event"], one["run_id"]) for one in found} == {("run_created", run_id)}


def test_without_the_api_the_audit_names_the_database_user(api: Api) -> None:
    api.plane.register("a")
    (entry,) = api.get("/api/refresh/audit?event=table_registered&table=public.a")["items"]
    assert entry["by"] == "postgres"


WRONG_CHANGES: list[tuple[int, dict[str, Any], str]] = [
    (422, {"priority": 1001}, "1000"),
    (422, {"priority": "5"}, "integer"),
    (422, {"priority": None}, "integer"),
    (422, {"mode": "off"}, "shadow"),
    (422, {"depends_on": {"nonsense": "hard"}}, "pattern"),
    (422, {"nonsense": 1}, "nonsense"),
    (409, {"key_columns": ["value"]}, "unique index"),
    (409, {"scope_column": "nowhere"}, "does not have"),
    (409, {"depends_on": {"public.nowhere": "hard"}}, "not registered"),
    (409, {"depends_on": {"public.a": "hard"}}, ""),
    (422, {"checks": {"table_min_ratio": 2}}, "less than or equal to 1"),
    (422, {"checks": {"range": {"value": {}}}}, "needs min or max"),
    (409, {"checks": {"null_share": {"nobody": {"max": 0.5}}}}, "which the table does not have"),
    (409, {"checks": {"weekday": {"max": 0}}}, "checks has weekday"),
    (409, {"nul_policies": {"nowhere": "strip"}}, "does not have"),
    (409, {"source": "just-a-name"}, "project.dataset.table"),
]


def test_what_is_wrong_is_refused_and_nothing_changes(api: Api, dataset: str) -> None:
    api.plane.register("a", source=f"{dataset}.orders")
    for status, body, words in WRONG_CHANGES:
        response = put(api, "/public.a", body)
        assert response.status_code == status, response.text
        assert words in response.get_json()["detail"]
    assert api.get(f"{CONFIG}/public.a")["config_version"] == 1


def test_a_body_for_another_table_is_refused(api: Api) -> None:
    api.plane.register("a", "b")
    assert put(api, "/public.a", {"table": "public.b", "priority": 1}).status_code == 409


def test_cycles_are_refused(api: Api) -> None:
    api.plane.register("a", "b")
    assert put(api, "/public.a", {"depends_on": {"public.b": "hard"}}).status_code == 200
    response = put(api, "/public.b", {"depends_on": {"public.a": "hard"}})
    assert response.status_code == 409
    assert "cycle" in response.get_json()["detail"]


def test_several_tables_change_together_or_not_at_all(api: Api) -> None:
    api.plane.register("a", "b")
    etag = api("GET", CONFIG).headers["ETag"]
    both = {"public.a": {"priority": 1}, "public.b": {"priority": 2}}
    response = put(api, "", {"tables": both}, version=etag)
    assert [one["priority"] for one in response.get_json()["items"]] == [1, 2]
    assert put(api, "", {"tables": both}, version=etag).status_code == 412
    wrong = {"public.a": {"priority": 7}, "public.nowhere": {"priority": 7}}
    assert put(api, "", {"tables": wrong}).status_code == 404
    assert api.get(f"{CONFIG}/public.a")["priority"] == 1


def test_of_those_who_change_the_same_tables_at_once_one_does(api: Api) -> None:
    api.plane.register("a", "b")
    version = api("GET", CONFIG).headers["ETag"]
    names = ("public.a", "public.b")

    def change(number: int) -> int:
        listed = names if number % 2 else names[::-1]
        headers = {"Authorization": f"Bearer {OPERATOR}", "If-Match": version}
        body = {"tables": {name: {"priority": number} for name in listed}}
        return api.app.test_client().put(CONFIG, json=body, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(change, range(1, 9)))
    assert sorted(answers) == [200] + [412] * 7
    won = answers.index(200) + 1
    assert {one["table"]: one["priority"] for one in api.get(CONFIG)["items"]} == dict.fromkeys(names, won)


def test_a_preview_tells_what_would_be_read_anew_and_keeps_nothing(api: Api, dataset: str) -> None:
    api.plane.run("CREATE TABLE public.orders (order_id bigint PRIMARY KEY, report_date date, amount numeric)")
    options = {"source": f"{dataset}.orders", "column_map": {"OrderId": "order_id"}}
    made = api("POST", CONFIG, json={"table": "public.orders", **options})
    assert made.status_code == 201, made.text
    path = f"{CONFIG}/public.orders/preview"
    response = api("POST", path, json={"scope_column": "report_date", "slice_target_rows": 10})
    assert response.status_code == 200, response.text
    assert response.get_json() == {
        "table": "public.orders",
        "checked_against_source": True,
        "ignored_columns": ["tags"],
        "scopes_published": 0,
        "rows_published": 0,
        "scopes_read_anew": 0,
        "rows_read_anew": 0,
        "slices": 0,
    }
    assert api("POST", path, json={"scope_column": "nowhere"}).status_code == 409
    assert api.get(f"{CONFIG}/public.orders")["config_version"] == 1


def test_sizes_are_suggested_from_what_was_measured(api: Api) -> None:
    api.plane.register("a")
    path = f"{CONFIG}/public.a/suggestions"
    assert api.get(path)["slice_target_rows"] is None
    api.trigger("a")
    api.plane.deliver_owed()
    api.plane.claim("a")
    api.plane.slice(
        "a",
        0,
        "done",
        rows_received="1000000",
        rows_staged="1000000",
        rows_read="1000000",
        rows_expected="1000000",
        source_rows_expected="1000000",
        started_at="now() - interval '10 seconds'",
        finished_at="now()",
    )
    api.plane.change(
        "a", "slices_open = 0, rows_read = 1000000, rows_staged = 1000000, rows_inserted = 1000000, bytes_billed = 1000"
    )
    api.plane.finish("a")
    found = api.get(path)
    assert found["slice_target_rows"] == 6_000_000
    assert found["max_bytes_billed"] == 10 * 2**20
    assert (found["parallelism"], found["max_bytes_billed_per_day"]) == (1, 10 * 2**20)
    assert found["basis"] == {
        "refreshes": 1,
        "rows_per_second": 100_000.0,
        "largest_rows": 1_000_000,
        "largest_bytes": 1000,
        "largest_day_bytes": 1000,
    }
    assert api.get(f"{CONFIG}/public.a")["slice_target_rows"] != 6_000_000, "shown, never applied unasked"


def test_what_is_not_registered_is_not_found(api: Api) -> None:
    for name in ("public.nowhere", "nonsense", "a.b.c", "public.%00"):
        assert api("GET", f"{CONFIG}/{name}").status_code == 404
        assert put(api, f"/{name}", {"priority": 1}).status_code == 404
        assert api("POST", f"{CONFIG}/{name}/preview", json={}).status_code == 404
        assert api("GET", f"{CONFIG}/{name}/suggestions").status_code == 404
