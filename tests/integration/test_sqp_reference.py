"""BigQuery's queries against the same rules written a second time, in Python, over random deliveries."""

import random
import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.sample.reference import TARGETS, Row, canonical
from infra.local.sample.shapes import LANDING
from infra.local.sample.verify import row_text
from tests.conftest import BigQueryEnv
from tests.support.sqp import DATASETS, SUNDAY, load, run_dataset, source_row

_TEXTS = ("knife", "Knife", " knife ", "ＫＮＩＦＥ", "knife set", "KNIFE\u00a0set", "straße", "STRASSE", "🔪", "包丁")
_ARRIVALS = (None, *(datetime(2025, 1, 13, tzinfo=UTC) + timedelta(days=day) for day in (0, 0, 7)))
_PRICES = (None, 9.99, 12.5, 100.0)


@st.composite
def _deliveries(draw: st.DrawFn) -> list[Row]:
    rows: list[Row] = []
    for _ in range(draw(st.integers(1, 40))):
        own = sorted(draw(st.tuples(*(st.integers(0, 50) for _ in range(3)))), reverse=True)
        totals = (draw(st.sampled_from((7_000, 7_001))), 90_000, 3_000, 700, 90)
        arrival = draw(st.integers(0, len(_ARRIVALS) - 1))
        client, week = draw(st.sampled_from(("c1", "c2"))), SUNDAY + timedelta(weeks=draw(st.integers(0, 1)))
        row = source_row(
            draw(st.sampled_from(_TEXTS)),
            draw(st.sampled_from(("A1", "A2"))),
            totals,
            (draw(st.integers(51, 90)), own[0], own[1], own[2]),
            percent=client == "c2",
            batch_id=f"b{arrival}-{len(rows)}",
            ingested_at=_ARRIVALS[arrival],
            parent_asin=draw(st.sampled_from((None, "P1", "P2"))),
            asin_median_click_price_amount=draw(st.sampled_from(_PRICES)),
            total_median_click_price_amount=draw(st.sampled_from(_PRICES)),
            total_one_day_shipping_click_count=draw(st.sampled_from((None, 5))),
            search_query_score=draw(st.integers(1, 3)),
        )
        rows.append(row | {"client_id": client, "start_date": week})
    return rows


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_deliveries(), seed=st.integers(0, 1_000))
def test_queries_and_reference_agree_and_no_row_is_lost(bigquery_env: BigQueryEnv, rows: list[Row], seed: int) -> None:
    name = f"reference_{uuid.uuid4().hex[:12]}"
    bigquery_env.client.create_dataset(f"{bigquery_env.project}.{name}")
    shuffled = random.Random(seed).sample(rows, len(rows))
    placed = load(bigquery_env.client, f"{bigquery_env.project}.{name}", LANDING, shuffled)
    canonical_rows = [canonical(dict.fromkeys(LANDING.column_map) | row, LANDING.column_map) for row in rows]
    for table, reckon in TARGETS.items():
        found = run_dataset(bigquery_env.client, bigquery_env.project, DATASETS[table], placed)
        expected = reckon(canonical_rows)
        columns = tuple(expected[0])
        assert set(columns) == {column.name for column in DATASETS[table].columns}
        assert sorted(row_text(row, columns) for row in found) == sorted(row_text(row, columns) for row in expected)
        assert sum(1 + row["refresh_superseded"] + row["refresh_merged"] for row in found) == len(rows)
    bigquery_env.client.delete_dataset(f"{bigquery_env.project}.{name}", delete_contents=True)
