"""The configuration as a form: made from the API's own model, so that a new field is there by itself. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from functions.api.schemas.configuration import ConfigurationChange, TableConfiguration

Kind = Literal["choice", "number", "text", "lines", "json"]
_NOT_CHANGED = {"table", "config_version", "created_at"}
_OTHER = "Further"
_GROUPS = {
    "When": ("mode", "frequency_hours", "priority", "depends_on"),
    "From where": (
        "handler",
        "source",
        "lookback",
        "max_bytes_billed",
        "max_bytes_billed_per_day",
        "column_map",
        "drift_policies",
    ),
    "Into what": (
        "strategy",
        "scope_column",
        "scope_bucket",
        "loaded_at_column",
        "publish_group",
        "rollback_publishes",
        "key_columns",
        "nul_policies",
    ),
    "How": ("slice_target_rows", "parallelism", "checks"),
    "In shadow mode": ("shadow_clean_days", "shadow_tolerances"),
}
_HELP = {
    "mode": "live: refreshed. shadow: refreshed beside it, and compared. dry_run: only told. disabled: left.",
    "frequency_hours": "Due so many hours after the last scheduled time, 1 to 168.",
    "priority": "0 comes first, 1000 last; what it depends on comes before it anyway.",
    "depends_on": 'Tables it needs, as JSON: {"schema.table": "hard"}. hard needs their success, soft only their end.',
    "handler": "Which worker: generic for any table, summaries for materialized views.",
    "source": "BigQuery table or view, project.dataset.table.",
    "column_map": 'Source column to target column, as JSON: {"Order ID": "order_id"}. null leaves a column out.',
    "lookback": "Only scopes of so many days are read; empty reads all, which finds restatements of any age.",
    "max_bytes_billed": "A job that would bill more bytes ends the table held. Empty: no cap.",
    "max_bytes_billed_per_day": "Cap for all BigQuery jobs of the table in a day (UTC). Empty: no cap.",
    "drift_policies": "Kind of change at the source to evolve, ignore or hold, as JSON. The rest goes by defaults.",
    "strategy": "merge: as the source, deletes included. append: only new keys. replace: the whole table as one.",
    "key_columns": "One column a line, with a unique index on exactly these. Empty: the primary key.",
    "scope_column": "Column whose values are planned, compared and published apart. Empty: the whole table as one.",
    "scope_bucket": "day, week, month or hash:N, for timestamps or more than 10,000 values.",
    "nul_policies": 'What to do about a NUL in a text, as JSON: {"column": "strip"}, "reject" or "quarantine".',
    "loaded_at_column": "Column that takes the time of the publish that last wrote the row.",
    "slice_target_rows": "Rows of a slice: one BigQuery job, and the unit of progress.",
    "parallelism": "How many workers may load slices of it at once, 1 to 32.",
    "checks": 'Thresholds as JSON: {"table_min_ratio": 0.5}. Fewer rows than this share are held.',
    "shadow_tolerances": "Target column to how far shadow and table may be apart in it, as JSON.",
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of the form."""

    name: str
    kind: Kind
    help: str
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    may_be_empty: bool = False

    def shown(self, value: Any) -> str:
        """A value as it stands in the form."""
        if value is None:
            return ""
        match self.kind:
            case "json":
                return json.dumps(value, indent=2, ensure_ascii=False) if value else "{}"
            case "lines":
                return "\n".join(value)
        return str(value)

    def read(self, text: str) -> Any:
        """The value of what stands in the form; ValueError says what is wrong with it."""
        text = text.strip()
        match self.kind:
            case "lines":
                return [line.strip() for line in text.splitlines() if line.strip()]
            case "json":
                return _object(text or "{}")
            case "number" if text:
                return _whole(text)
        if not text and not self.may_be_empty:
            raise ValueError("cannot be empty")
        return text or None


@dataclass(frozen=True, kw_only=True)
class Group:
    """Fields that belong together."""

    title: str
    fields: tuple[Field, ...]


@cache
def groups() -> tuple[Group, ...]:
    """All fields, in their groups."""
    schema = ConfigurationChange.model_json_schema()
    described = TableConfiguration.model_json_schema()["properties"]
    fields = {
        name: _field(name, part, described.get(name, {}), schema.get("$defs", {}))
        for name, part in schema["properties"].items()
        if name not in _NOT_CHANGED
    }
    named = {name for names in _GROUPS.values() for name in names}
    titled = dict(_GROUPS) | {_OTHER: tuple(name for name in fields if name not in named)}
    made = (
        Group(title=title, fields=tuple(fields[name] for name in names if name in fields))
        for title, names in titled.items()
    )
    return tuple(group for group in made if group.fields)


def all_fields() -> list[Field]:
    """All of them, in the form's order."""
    return [field for group in groups() for field in group.fields]


def changes(given: Mapping[str, str], now: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What of a form differs from the configuration as it is, and what is wrong with which field."""
    wanted: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field in all_fields():
        if field.name not in given or _same(given[field.name], field.shown(now[field.name])):
            continue
        try:
            value = field.read(given[field.name])
        except ValueError as error:
            wrong[field.name] = str(error)
            continue
        if value != now[field.name]:
            wanted[field.name] = value
    return wanted, wrong


def at_fields(problem: Mapping[str, Any], sent: Sequence[str]) -> dict[str, str]:
    """The API's problem by field: those that it names, else the one of which its text speaks."""
    names = {field.name for field in all_fields()}
    found = {one["field"].split(".")[0]: one["problem"] for one in problem.get("errors") or ()}
    named = {name: text for name, text in found.items() if name in names}
    if named:
        return named
    spoken = [name for name in (*sent, *sorted(names)) if _speaks_of(problem["detail"], name)]
    return {(spoken or list(sent) or [""])[0]: problem["detail"]}


def _speaks_of(text: str, name: str) -> bool:
    spoken = {name, name.replace("_", " ")} | ({"depend on", "dependency", "circle"} if name == "depends_on" else set())
    return any(re.search(rf"\b{word}\b", text) for word in spoken)


def _field(name: str, schema: Mapping[str, Any], described: Mapping[str, Any], models: Mapping[str, Any]) -> Field:
    options = schema.get("anyOf", [schema])
    part = next(option for option in options if option.get("type") != "null")
    part = models[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    return Field(
        name=name,
        kind=_kind(part),
        help=_HELP.get(name) or schema.get("description") or described.get("description", ""),
        choices=tuple(part.get("enum", ())),
        least=part.get("minimum"),
        most=part.get("maximum"),
        may_be_empty=len(options) > 1,
    )


def _kind(part: Mapping[str, Any]) -> Kind:
    if "enum" in part:
        return "choice"
    kinds: dict[str, Kind] = {"integer": "number", "array": "lines", "object": "json"}
    return kinds.get(part.get("type", ""), "text")


def _same(one: str, other: str) -> bool:
    return one.strip().splitlines() == other.strip().splitlines()


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", text):
        raise ValueError("must be a whole number")
    return int(text)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError('must be a JSON object, such as {"name": "value"}')
    return value
