"""Brands, terms and classes: kept by functions or by CSV, and seen by the summaries that read them."""

import io
import unicodedata
from datetime import timedelta

import pg8000.native
import pytest
from pg8000.exceptions import DatabaseError

from tests.sqp.warehouse import EXAMPLE, call, fill, row
from tests.support.sqp import SUMMARIES, SUNDAY, by_key, refresh_summaries, select

type Connection = pg8000.native.Connection


def _copy(warehouse: Connection, view: str, text: str) -> None:
    warehouse.run(f"COPY sqp.{view} FROM STDIN (FORMAT csv, HEADER match)", stream=io.BytesIO(text.encode()))


def _brands(warehouse: Connection) -> dict[str, int]:
    rows = select(warehouse, "SELECT brand, asin_purchase_count FROM sqp.brand_period_summary")
    return {one["brand"]: one["asin_purchase_count"] for one in rows}


def _versions(warehouse: Connection) -> dict[str, int]:
    rows = select(warehouse, "SELECT table_name, version FROM refresh.refresh_input_version WHERE table_schema = 'sqp'")
    return {one["table_name"]: one["version"] for one in rows}


def test_a_manual_entry_beats_an_automatic_one_until_it_is_taken_back(warehouse: Connection) -> None:
    fill(warehouse, EXAMPLE)
    warehouse.run("SELECT sqp.add_brand('c1', 'Edge'), sqp.add_brand('c1', 'Other')")
    warehouse.run("SELECT sqp.map_asin('c1', 'US', 'A1', 'Other', 'automatic'), sqp.map_asin('c1', 'US', 'A1', 'Edge')")
    refresh_summaries(warehouse)
    assert _brands(warehouse) == {"Edge": 13, "unmapped": 6}
    assert warehouse.run("SELECT sqp.unmap_asin('c1', 'US', 'A1'), sqp.unmap_asin('c1', 'US', 'A1')") == [[True, False]]
    refresh_summaries(warehouse)
    assert _brands(warehouse) == {"Other": 13, "unmapped": 6}
    warehouse.run("SELECT sqp.rename_brand('c1', 'Other', 'Better')")
    refresh_summaries(warehouse)
    assert _brands(warehouse) == {"Better": 13, "unmapped": 6}
    warehouse.run("SELECT sqp.remove_brand('c1', 'Better')")
    refresh_summaries(warehouse)
    assert _brands(warehouse) == {"unmapped": 19}


def test_csv_files_fill_the_mapping_and_a_second_time_change_nothing(warehouse: Connection) -> None:
    files = {
        "brand_import": "client_id,brand\nc1,Edge\n",
        "asin_brand_import": "client_id,marketplace_id,asin,brand\nc1,US,A1,Edge\nc1,US,A2, Köhler & Söhne \n",
        "brand_term_import": "client_id,brand,term\nc1,Edge,Edge  Wise\n",
        "query_class_import": "client_id,marketplace_id,search_query,class\nc1,US,Rival Knife,competitor\n",
    }
    for view, text in files.items():
        _copy(warehouse, view, text)
    before = _versions(warehouse)
    assert [one[0] for one in warehouse.run("SELECT brand FROM sqp.brands ORDER BY 1")] == ["Edge", "Köhler & Söhne"]
    assert warehouse.run("SELECT term FROM sqp.brand_terms") == [["edge wise"]]
    assert warehouse.run("SELECT search_query_key, class FROM sqp.query_class") == [["rival knife", "competitor"]]
    for view, text in files.items():
        _copy(warehouse, view, text)
    assert _versions(warehouse) == before


def test_a_file_raises_a_version_once(warehouse: Connection) -> None:
    _copy(warehouse, "asin_brand_import", "client_id,marketplace_id,asin,brand\nc1,US,A0,Edge\n")
    before = _versions(warehouse)["asin_brand_map"]
    lines = "".join(f"c1,US,A{n},Edge\n" for n in range(1, 50))
    _copy(warehouse, "asin_brand_import", f"client_id,marketplace_id,asin,brand\n{lines}")
    assert _versions(warehouse)["asin_brand_map"] == before + 1


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT sqp.map_asin('c1', 'US', 'A1', 'Nobody')", "client c1 has no brand Nobody"),
        ("SELECT sqp.add_brand('c1', ' ')", "brand is missing"),
        ("SELECT sqp.add_brand('c1', 'unmapped')", "no brand can be called unmapped"),
        ("SELECT sqp.classify_query('c1', 'US', 'q', 'strange')", "class is strange"),
        ("SELECT sqp.map_asin('c1', 'US', 'B0123456789', 'Edge')", "B0123456789 is no ASIN"),
        ("SELECT sqp.map_asin('c1', 'US', 'A1', 'Edge', 'guessed')", "origin is guessed"),
        ("SELECT sqp.add_brand_term('c1', 'Nobody', 't')", "client c1 has no brand Nobody"),
    ],
)
def test_wrong_entries_are_refused(warehouse: Connection, statement: str, message: str) -> None:
    with pytest.raises(DatabaseError) as refused:
        warehouse.run(statement)
    assert message in str(refused.value)


_ASINS = "client_id,marketplace_id,asin,brand\n"


@pytest.mark.parametrize(
    ("view", "text", "message", "line"),
    [
        ("asin_brand_import", f"{_ASINS}c1,US,A1,Edge\nc1,US,,Edge\n", "asin is missing", 3),
        ("asin_brand_import", f"{_ASINS}c1,US,A1,Edge\nc1,US,A2\n", 'missing data for column "brand"', 3),
        ("asin_brand_import", f"{_ASINS}c1,US,A1,Edge\nc1,US,A2,Edge,x\n", "extra data after last expected column", 3),
        ("asin_brand_import", f"{_ASINS}c1,US,A1,Edge\nc1,US,B0123456789,Edge\n", "B0123456789 is no ASIN", 3),
        ("asin_brand_import", f"{_ASINS}c1,US,A1,Edge\nc1,US,A2,unmapped\n", "no brand can be called unmapped", 3),
        (
            "asin_brand_import",
            f"{_ASINS}c1,US,A1,Edge\nc1,DE,A1,Other\n c1,US,A1 ,Other\n",
            "A1 of c1, US stands twice, as Edge and as Other",
            4,
        ),
        ("asin_brand_import", "client_id,asin,marketplace_id,brand\nc1,A1,US,Edge\n", "column name mismatch", 1),
        ("brand_import", "client_id,brand\nc1,Edge\nc1,\n", "brand is missing", 3),
        ("brand_term_import", 'client_id,brand,term\nc1,Edge,edge\nc1,Edge," "\n', "term is missing", 3),
        (
            "query_class_import",
            "client_id,marketplace_id,search_query,class\nc1,US,a,generic\nc1,US,b,own\n",
            "class is own",
            3,
        ),
        (
            "query_class_import",
            "client_id,marketplace_id,search_query,class\nc1,US,A b,generic\nc1,US,a  B,competitor\n",
            "a b of c1, US stands twice, as generic and as competitor",
            3,
        ),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_with_its_number_and_changes_nothing(
    warehouse: Connection, view: str, text: str, message: str, line: int
) -> None:
    with pytest.raises(DatabaseError) as refused:
        _copy(warehouse, view, text)
    details = refused.value.args[0]
    assert message in details["M"]
    assert f"COPY {view}, line {line}" in details["W"]
    for table in ("brands", "asin_brand_map", "brand_terms", "query_class"):
        assert warehouse.run(f"SELECT count(*) FROM sqp.{table}") == [[0]]


def test_a_second_file_in_one_transaction_may_say_something_else(warehouse: Connection) -> None:
    warehouse.run("BEGIN")
    for brand in ("Edge", "Other"):
        _copy(warehouse, "asin_brand_import", f"{_ASINS}c1,US,A1,{brand}\nc1,US,A1,{brand}\n")
    warehouse.run("COMMIT")
    assert warehouse.run("SELECT asin, brand FROM sqp.asin_brand_import") == [["A1", "Other"]]


def test_queries_get_their_class_by_entry_then_by_term(warehouse: Connection) -> None:
    totals = (100, 1_000, 50, 20, 10)
    fill(
        warehouse,
        [row(text, "A1", totals, (10, 5, 2, 1)) for text in ("edge wise knife", "edgewise", "knife", "rival knife")],
    )
    warehouse.run("SELECT sqp.add_brand('c1', 'Edge'), sqp.add_brand_term('c1', 'Edge', 'Edge Wise')")
    warehouse.run("SELECT sqp.classify_query('c1', 'US', 'Rival  Knife', 'competitor')")
    refresh_summaries(warehouse)
    found = by_key(select(warehouse, "SELECT * FROM sqp.query_class_summary"), "class")
    assert {kind: one["n_queries"] for kind, one in found.items()} == {"branded": 1, "competitor": 1, "generic": 2}
    assert found["generic"]["total_purchase_count"] == 20
    warehouse.run("SELECT sqp.classify_query('c1', 'US', 'edge wise knife', 'generic')")
    warehouse.run("SELECT sqp.classify_query('c1', 'US', 'rival knife', NULL)")
    refresh_summaries(warehouse)
    found = by_key(select(warehouse, "SELECT * FROM sqp.query_class_summary"), "class")
    assert {kind: one["n_queries"] for kind, one in found.items()} == {"generic": 4}


def test_titles_map_asins_by_their_longest_name(warehouse: Connection) -> None:
    fill(warehouse, EXAMPLE)
    warehouse.run("UPDATE sqp.asin_performance_data SET title = 'EDGE Pro Sharpener' WHERE asin = 'A1'")
    warehouse.run("UPDATE sqp.asin_performance_data SET title = 'Edge Knife' WHERE asin = 'A2'")
    warehouse.run("UPDATE sqp.asin_performance_data SET title = 'Edgeless' WHERE asin = 'A3'")
    warehouse.run("SELECT sqp.add_brand('c1', 'Edge'), sqp.add_brand('c1', 'Edge Pro')")
    assert warehouse.run("SELECT sqp.map_asins_by_title('c1')") == [[2]]
    rows = select(warehouse, "SELECT asin, origin, brand FROM sqp.brand_of_asin ORDER BY asin")
    assert [tuple(one.values()) for one in rows] == [("A1", "automatic", "Edge Pro"), ("A2", "automatic", "Edge")]
    assert warehouse.run("SELECT sqp.map_asins_by_title('c1')") == [[0]]
    warehouse.run("SELECT sqp.remove_brand('c1', 'Edge Pro')")
    assert warehouse.run("SELECT sqp.map_asins_by_title('c1')") == [[1]]


def test_every_summary_is_told_of_the_mapping_that_it_reads(warehouse: Connection) -> None:
    from shared.sql import statement

    warehouse.run("BEGIN")
    warehouse.run(
        "INSERT INTO refresh.refresh_input_version (table_schema, table_name, changed_by_transaction)"
        " SELECT 'sqp', name, '1' FROM unnest(ARRAY['brands', 'asin_brand_map', 'brand_terms', 'query_class']) AS name"
        " ON CONFLICT DO NOTHING"
    )
    inputs = {
        name: {one["input"] for one in select(warehouse, statement("view_inputs"), schema="sqp", name=name)}
        for name in SUMMARIES
    }
    warehouse.run("ROLLBACK")
    brands = {"sqp.brands", "sqp.asin_brand_map"}
    assert inputs["search_performance_summary"] == brands
    assert inputs["asin_period_summary"] == brands
    assert brands <= inputs["brand_period_summary"]
    assert inputs["query_class_summary"] == {"sqp.brand_terms", "sqp.query_class"}
    assert inputs["weekly_summary"] == inputs["cannibalisation_summary"] == set()


def test_coverage_tells_an_empty_report_from_a_missing_one(warehouse: Connection) -> None:
    weeks = [SUNDAY + timedelta(weeks=n) for n in range(4)]
    totals = (100, 1_000, 50, 20, 10)
    present = {"A1": (0, 1, 3), "A2": (0, 3), "A3": (1,)}
    fill(warehouse, [row("q", asin, totals, (9, 1, 0, 0), start=weeks[n]) for asin, at in present.items() for n in at])
    statement = "SELECT asin, period_start, coverage FROM sqp.report_coverage ORDER BY 1, 2"

    def coverage() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for asin, _, kind in warehouse.run(statement):
            found.setdefault(asin, []).append(kind)
        return found

    assert coverage() == {
        "A1": ["measured", "measured", "not_covered", "measured"],
        "A2": ["measured", "empty_report", "not_covered", "measured"],
        "A3": ["measured", "not_covered", "empty_report"],
    }
    warehouse.run("DELETE FROM sqp.asin_performance_data WHERE period_start = :week", week=weeks[3])
    assert coverage() == {"A1": ["measured", "measured"], "A2": ["measured", "empty_report"], "A3": ["measured"]}
    fill_other = row("q", "A1", totals, (9, 1, 0, 0), client="c2")
    fill(warehouse, [fill_other])
    warehouse.run("DELETE FROM sqp.asin_performance_data WHERE client_id = 'c1'")
    assert warehouse.run("SELECT client_id, coverage FROM sqp.report_coverage") == [["c2", "measured"]]


def test_functions_see_what_a_person_maps_at_once(warehouse: Connection) -> None:
    fill(warehouse, EXAMPLE)
    warehouse.run("SELECT sqp.add_brand('c1', 'Edge'), sqp.map_asin('c1', 'US', 'A3', 'Edge')")
    found = by_key(call(warehouse, "keyword_market_share(…, 'knife sharpener', :w)", w=SUNDAY), "asin")
    assert found["A3"]["brand"] == "Edge"


_SCRIPTS = (
    (0x20, 0x345),
    (0x346, 0x37A),
    (0x37B, 0x530),
    (0x5D0, 0x5EB),
    (0x620, 0x64B),
    (0x900, 0xE5C),
    (0x1E00, 0x1F00),
)
_WIDE = ((0x2000, 0x2070), (0x2460, 0x2500), (0x3000, 0x3400), (0x4E00, 0x4F00), (0xFB00, 0xFB07), (0xFF00, 0xFFF0))


def test_keys_are_those_that_bigquery_makes(warehouse: Connection) -> None:
    """Of every character of the scripts in which the marketplaces are searched, by Unicode's own tables."""
    letters = [chr(code) for first, last in (*_SCRIPTS, *_WIDE) for code in range(first, last)]
    texts = [f"x{one}X {one}" for one in letters if unicodedata.category(one) not in ("Cn", "Cc", "Co")]
    assert len(texts) > 3_000
    found = warehouse.run("SELECT text, sqp.query_key(text) FROM unnest(CAST(:texts AS text[])) AS text", texts=texts)
    assert {text: key for text, key in found if key != _key(text)} == {}


def _key(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
