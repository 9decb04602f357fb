"""Status, runs, history and metrics of what has happened."""

from tests.api.conftest import Api


def test_status_of_an_empty_registry(api: Api) -> None:
    status = api.get("/api/refresh/status")
    assert status["overall_status"] == "healthy"
    assert status["tables"] == []
    assert status["summary"] == "No table is registered to be refreshed."


def test_everything_about_a_run(api: Api) -> None:
    api.plane.register("a", "b")
    answer = api.trigger("a", "b")
    assert answer.status_code == 202, answer.text
    url = answer.get_json()["url"]
    assert answer.headers["Location"] == url
    assert api.get(url)["status"] == "running"
    assert api.get(url)["tables"] == []
    api.plane.deliver_owed()
    api.plane.finish("a")
    api.plane.finish("b", "failed")
    api.plane.deliver_owed()
    run = api.get(url)
    assert (run["status"], run["requested_by"], run["trigger"]) == ("failed", "local:operator", "manual")
    assert [(one["table"], one["status"]) for one in run["tables"]] == [("public.a", "success"), ("public.b", "failed")]
    (listed,) = api.get("/api/refresh/runs?status=failed")["items"]
    assert listed["tables_by_status"] == {"success": 1, "failed": 1}
    status = api.get("/api/refresh/status")
    assert status["overall_status"] == "failing"
    history = api.get("/api/refresh/history?status=success")
    assert [one["table"] for one in history["items"]] == ["public.a"]
    assert history["summary"]["by_status"] == {"success": 1, "failed": 1}
    metrics = api.get("/api/refresh/metrics?days=1")
    assert metrics["overall"]["tasks"] == 2
    text = api("GET", "/metrics").text
    assert 'refresh_table_failed{table="public.b"} 1.0' in text
    document = api.get("/api/refresh/openapi.json")
    assert document["openapi"].startswith("3.1")
