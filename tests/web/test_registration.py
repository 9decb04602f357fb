"""Register a table by the page: from its source's suggestion, through what is wrong with it, to what it will do."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.api.conftest import VIEWER, Api
from tests.api.test_configuration import dataset
from tests.conftest import BigQueryEnv
from tests.web.conftest import Visit

__all__ = ["dataset"]


def look(page: Page, source: str, table: str = "public.orders") -> None:
    page.get_by_label("Source in BigQuery").fill(source)
    page.get_by_label("Table in Postgres").fill(table)
    page.get_by_role("button", name="Look at the source").click()


def test_a_table_is_suggested_made_checked_and_registered(api: Api, dataset: str, visit: Visit) -> None:
    visitor = visit()
    page = visitor.open("/")
    page.get_by_role("link", name="Register a table …").click()
    look(page, f"{dataset}.orders")
    expect(page.get_by_label("key_columns")).to_have_value("report_date\norder_id")
    expect(page.get_by_label("scope_column")).to_have_value("report_date")
    ddl = page.locator("#ddl")
    expect(ddl).to_contain_text('CREATE TABLE "public"."orders"')
    visitor.check_accessible()
    page.get_by_role("button", name="Check it …").click()
    expect(page.get_by_role("alert")).to_contain_text("The table is not in Postgres yet")
    expect(page.get_by_role("heading", name="First make the table")).to_be_visible()
    api.plane.run(ddl.inner_text())
    page.get_by_role("button", name="Check it …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Register public.orders?")
    expect(page.get_by_text("4 columns are filled from")).to_be_visible()
    expect(page.get_by_text("it is unique at the source")).to_be_visible()
    page.get_by_text("the columns", exact=True).click()
    expect(page.get_by_role("row", name="order_id")).to_contain_text("OrderId")
    visitor.check_accessible()
    assert api.get("/api/refresh/config")["items"] == []
    page.get_by_role("button", name="Register it").click()
    expect(page.get_by_role("status")).to_contain_text("It is registered.")
    found = api.get("/api/refresh/config/public.orders")
    assert (found["source"], found["mode"], found["key_columns"]) == (
        f"{dataset}.orders",
        "live",
        ["report_date", "order_id"],
    )
    (entry,) = api.get("/api/refresh/audit?event=table_registered&table=public.orders")["items"]
    assert entry["by"] == "local:operator"


def test_the_ddl_is_copied(dataset: str, visit: Visit) -> None:
    page = visit().page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/tables/new?source={dataset}.orders&table=public.orders")
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#ddl").text_content()


def test_what_is_wrong_with_the_names_is_said_at_them(dataset: str, visit: Visit) -> None:
    visitor = visit(width=390)
    page = visitor.open("/tables/new")
    look(page, "orders", "orders")
    expect(page.locator("#source-wrong")).to_contain_text("as project.dataset.table")
    expect(page.locator("#table-wrong")).to_contain_text("as schema.name")
    expect(page.get_by_label("Source in BigQuery")).to_have_value("orders")
    look(page, f"{dataset}.nowhere")
    expect(page.locator("#source-wrong")).to_contain_text("does not exist in BigQuery")
    expect(page.get_by_label("Table in Postgres")).to_have_value("public.orders")
    visitor.check_accessible()


def test_what_does_not_fit_is_said_at_the_field_and_what_was_typed_stays(
    api: Api, dataset: str, bigquery_env: BigQueryEnv, visit: Visit
) -> None:
    api.plane.run("CREATE TABLE public.orders (order_id bigint PRIMARY KEY, report_date date, amount numeric)")
    values = "(1, NULL, NUMERIC '2', []), (1, NULL, NUMERIC '3', [])"
    bigquery_env.client.query(f"INSERT INTO {dataset}.orders VALUES {values}").result()
    visitor = visit(width=390)
    page = visitor.open(f"/tables/new?source={dataset}.orders&table=public.orders")
    page.get_by_label("lookback").fill("a year")
    page.get_by_label("column_map").fill("{OrderId}")
    page.get_by_role("button", name="Check it …").click()
    expect(page.locator("#lookback-wrong")).to_contain_text("must be a whole number")
    expect(page.locator("#column_map-wrong")).to_contain_text("is no JSON")
    expect(page.get_by_label("lookback")).to_have_value("a year")
    page.get_by_label("lookback").fill("30")
    page.get_by_label("column_map").fill('{"OrderId": "order_id"}')
    page.get_by_role("button", name="Check it …").click()
    expect(page.locator("#key_columns-wrong")).to_contain_text("have no unique index")
    page.get_by_label("key_columns").fill("order_id")
    page.get_by_role("button", name="Check it …").click()
    expect(page.locator("#key_columns-wrong")).to_contain_text("1 key(s) stand more than once")
    expect(page.get_by_label("lookback")).to_have_value("30")
    visitor.check_accessible()
    bigquery_env.client.query(f"DELETE FROM {dataset}.orders WHERE TRUE").result()
    api.plane.run("INSERT INTO public.orders VALUES (7)")
    page.get_by_role("button", name="Check it …").click()
    expect(page.get_by_text("The table has rows.")).to_be_visible()
    expect(page.get_by_text("These source columns go nowhere: tags.")).to_be_visible()
    page.get_by_role("button", name="Change it").click()
    expect(page.get_by_label("lookback")).to_have_value("30")
    expect(page.get_by_label("key_columns")).to_have_value("order_id")


def test_what_is_registered_leads_to_its_configuration(api: Api, dataset: str, visit: Visit) -> None:
    api.plane.register("orders")
    page = visit().open(f"/tables/new?source={dataset}.orders&table=public.orders")
    page.get_by_role("button", name="Check it …").click()
    page.get_by_role("alert").get_by_role("link", name="its configuration").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Configuration")


def test_a_viewer_registers_nothing(dataset: str, visit: Visit) -> None:
    visitor = visit(token=VIEWER)
    page = visitor.open("/")
    expect(page.get_by_role("link", name="…")).to_have_count(0)
    page = visitor.open(f"/tables/new?source={dataset}.orders&table=public.orders")
    expect(page.get_by_label("key_columns")).to_be_disabled()
    assert set(page.get_by_role("button").all_inner_texts()) <= {"Sign out", "Copy"}
