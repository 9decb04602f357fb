"""An event as a Slack message."""

from __future__ import annotations

from typing import Any

_SIGNS = {
    "refresh.completed": ":white_check_mark:",
    "refresh.recovered": ":large_green_circle:",
    "refresh.warning": ":warning:",
    "refresh.held": ":raised_hand:",
    "refresh.failed": ":red_circle:",
    "data.stale": ":hourglass:",
}
_HEADLINES = {
    "refresh.completed": "was refreshed",
    "refresh.recovered": "is right again",
    "refresh.warning": "was refreshed with a warning",
    "refresh.held": "is held: nothing was published",
    "refresh.failed": "failed: readers still see the data from before",
    "data.stale": "is stale",
}
_COUNTS = ("inserted", "updated", "deleted", "quarantined")
_MAX_ERROR = 600


def slack_message(payload: dict[str, Any]) -> dict[str, Any]:
    """The JSON body for an incoming webhook; `payload` is the event's envelope."""
    kind = str(payload.get("type", ""))
    data = payload.get("data") or {}
    headline = _headline(kind, payload.get("table"), data)
    lines = [f"{_SIGNS.get(kind, ':information_source:')} {headline}", *_details(data)]
    footer = " · ".join(
        _escaped(part)
        for part in (payload.get("occurred_at"), f"run {payload['run_id']}" if payload.get("run_id") else None)
        if part
    )
    blocks: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)}}]
    if footer:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": footer}]})
    return {"text": headline, "blocks": blocks}


def _headline(kind: str, table: object, data: dict[str, Any]) -> str:
    if not table:
        return _escaped(data.get("message") or kind)
    what = "was skipped" if data.get("outcome") == "skipped" else _HEADLINES.get(kind, kind)
    return f"*{_escaped(table)}* {what}"


def _details(data: dict[str, Any]) -> list[str]:
    lines = []
    if data.get("data_as_of"):
        lines.append(f"Its data is of {_escaped(data['data_as_of'])}")
    if data.get("period_start"):
        report = " ".join(
            str(data.get(name)) for name in ("client_id", "marketplace_id", "report_period", "period_start")
        )
        lines.append(f"A report has not come: {_escaped(report)}")
    if data.get("reason"):
        lines.append(f"Reason: `{_escaped(data['reason'])}`")
    if data.get("error"):
        lines.append(f"```{_escaped(str(data['error'])[:_MAX_ERROR])}```")
    counts = [f"{data[f'rows_{one}']:,} {one}" for one in _COUNTS if isinstance(data.get(f"rows_{one}"), int)]
    if any(data.get(f"rows_{one}") for one in _COUNTS):
        lines.append(f"Rows: {', '.join(counts)}")
    return lines


def _escaped(text: object) -> str:
    """Slack's three control characters; without them nobody is mentioned and nothing is linked."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "'")
