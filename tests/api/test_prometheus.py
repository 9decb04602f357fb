"""The text for Prometheus, as its own parser reads it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.api.conftest import Api
from tests.docs.documents import README, code_words, section, table_rows

ODD = 'a "quoted" \\ name'
UNITS = ("seconds", "bytes", "rows")


def families(api: Api) -> list[Metric]:
    return list(text_string_to_metric_families(api("GET", "/metrics").text))


def values(found: Sequence[Metric], name: str) -> dict[str, float]:
    """Of the metric's samples, by their one label."""
    return {"".join(s.labels.values()): s.value for one in found for s in one.samples if s.name == name}


def test_the_official_parser_reads_what_the_system_is_like(api: Api, swept: None) -> None:
    api.plane.register("good", ODD)
    api.plane.register("off", mode="disabled")
    api.trigger("good", ODD)
    api.plane.deliver_owed()
    api.plane.finish("good")
    api.plane.finish(ODD, "failed")
    found = families(api)
    assert values(found, "refresh_table_failed") == {"public.good": 0.0, f"public.{ODD}": 1.0}
    assert values(found, "refresh_table_held") == {"public.good": 0.0, f"public.{ODD}": 0.0}
    assert values(found, "refresh_table_data_age_seconds").keys() == {"public.good"}
    assert values(found, "refresh_tasks_ended_total") == {
        "success": 1.0,
        "failed": 1.0,
        "held": 0.0,
        "no_new_data": 0.0,
        "skipped": 0.0,
        "warning": 0.0,
    }
    assert values(found, "refresh_runs_open").keys() == {""}
    assert values(found, "refresh_sweep_age_seconds")[""] >= 0


def test_names_types_and_units_are_as_prometheus_wants_them(api: Api, swept: None) -> None:
    api.plane.register("a")
    text = api("GET", "/metrics").text
    lines = text.splitlines()
    assert text.endswith("\n")
    for kind in ("HELP", "TYPE"):
        told = Counter(line.split()[2] for line in lines if line.startswith(f"# {kind} "))
        assert set(told.values()) == {1}
    for one in families(api):
        assert one.documentation
        assert re.fullmatch(r"refresh(_[a-z]+)+", one.name)
        assert one.type in ("gauge", "counter")
        assert {s.name for s in one.samples} <= {f"{one.name}_total" if one.type == "counter" else one.name}
        assert not any(unit in one.name.split("_")[:-1] for unit in UNITS), "the unit is the name's end"


def test_series_are_as_many_as_tables_and_labels_name_nothing_else(api: Api, swept: None) -> None:
    def series() -> Counter[tuple[str, ...]]:
        found = [(s.name, tuple(sorted(s.labels.items()))) for one in families(api) for s in one.samples]
        assert len(set(found)) == len(found)
        return Counter(tuple(name for name, _ in labels) for _, labels in found)

    api.plane.register(*(f"t{number}" for number in range(3)))
    api.trigger()
    few = series()
    api.plane.register(*(f"u{number}" for number in range(5)))
    many = series()
    assert few.keys() == {("table",), ("status",), ()}
    assert (many[("table",)] - few[("table",)]) / 5 == few[("table",)] / 3 <= 5
    assert (many[("status",)], many[()]) == (few[("status",)], few[()])


def test_the_readme_explains_each_of_them_and_its_alerts_are_of_them(api: Api, swept: None) -> None:
    told = section(README, "Prometheus")
    explained = {name for row in table_rows(told) for name in code_words(row[0])}
    written = {line.split()[2] for line in api("GET", "/metrics").text.splitlines() if line.startswith("# TYPE")}
    assert explained == written
    watched = re.findall(r"refresh_[a-z_]+", told.rpartition("Worth an alert")[2])
    assert len(watched) > 3
    assert set(watched) <= written
