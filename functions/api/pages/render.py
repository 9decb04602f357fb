"""Pages from templates, and how figures and times are written in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, render_template, request, url_for
from flask.templating import Environment
from markupsafe import Markup, escape

from functions.api.pages import reasons, words
from functions.api.pages.assets import address
from functions.api.pages.calls import offers
from functions.api.pages.paging import with_query
from functions.api.pages.session import FORM_FIELD, form_token
from shared.domain.identity import Identity, Role

_METHODS = frozenset(dir(dict))
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
NOTHING = "–"
_TOKEN = Markup('<input type="hidden" name="{}" value="{}">')
_MENU = (
    ("overview", "Overview", "overview.show"),
    ("runs", "Runs", "runs.listed"),
    ("backfills", "Backfills", "backfills.listed"),
    ("costs", "Costs", "costs.show"),
)
_MORE = (
    ("quarantine", "Quarantine", "quarantine.show"),
    ("dead_letters", "Dead letters", "dead_letters.show"),
    ("webhooks", "Webhooks", "webhooks.listed"),
    ("audit", "Audit", "audit.show"),
)


class _Templates(Environment):
    """Looks for what a document of the API has where it is: as an attribute first, it took four times as long."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj and attribute not in _METHODS:
            return obj[attribute]
        return super().getattr(obj, attribute)


def page(template: str, *, status: int = HTTPStatus.OK, **values: Any) -> Response:
    """A page. Templates know who asks (`me`), whether they may act (`operates`), and what the API has (`offers`)."""
    identity: Identity | None = g.get("identity")
    text = render_template(
        template,
        me=identity,
        operates=identity is not None and identity.may(Role.OPERATOR),
        token=lambda: _TOKEN.format(FORM_FIELD, form_token(identity)),
        now=values.pop("now", None) or datetime.now(UTC),
        here=request.full_path.removesuffix("?"),
        **values,
    )
    return Response(text, status=status, mimetype="text/html")


def set_up(app: Flask) -> None:
    """Give templates what they write with. A macro of a long list that says the same of many rows is `written_once`."""
    app.jinja_environment = _Templates
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        moment=moment,
        since=since,
        number=number,
        figure=figure,
        size=size,
        duration=duration,
        lasted=lasted,
        usd=dollars,
        state=words.state,
        breakable=breakable,
    )
    app.jinja_env.globals.update(
        asset=address,
        offers=offers,
        nothing=NOTHING,
        menu=lambda: _menu(_MENU),
        further_menu=lambda: _menu(_MORE),
        with_query=with_query,
        reason_advice=reasons.advice,
        when=when,
        written_once=cache,
    )


def _menu(sections: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """Sections of the page: name, label, address."""
    return [(name, label, url_for(f"pages.{show}")) for name, label, show in sections]


def moment(value: datetime | str | None) -> str:
    """A time for people, in UTC to the minute."""
    at = _time(value)
    return NOTHING if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def when(value: datetime | str | None, now: datetime) -> Markup:
    """How long ago something was, with the moment itself behind it. A macro took four times as long."""
    at = _time(value)
    if at is None:
        return Markup('<span class="quiet">never</span>')
    return Markup(f'<time datetime="{at.isoformat()}" title="{moment(at)}">{since(at, now)}</time>')


def since(value: datetime | str | None, now: datetime) -> str:
    """How long ago something was, or how soon it will be, in one unit."""
    at = _time(value)
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    if abs(seconds) < 5:
        return "now"
    return f"{_rough(seconds)} ago" if seconds > 0 else f"in {_rough(-seconds)}"


def number(value: float | None) -> str:
    """Thousands apart; fractions only of small figures."""
    if value is None:
        return NOTHING
    return f"{value:,.1f}" if isinstance(value, float) and abs(value) < 100 else f"{round(value):,}"


def figure(value: float | None) -> str:
    """A measured value or its threshold: counts in full, shares to four digits."""
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:,.4g}"


def size(value: int | None) -> str:
    """Bytes in the largest unit of which there is one."""
    if value is None:
        return NOTHING
    shown, unit = float(value), 0
    while shown >= 1024 and unit < len(_UNITS) - 1:
        shown, unit = shown / 1024, unit + 1
    return f"{shown:.1f} {_UNITS[unit]}" if unit else f"{value} B"


def duration(milliseconds: float | None) -> str:
    """A span of time in its two largest units."""
    if milliseconds is None:
        return NOTHING
    seconds = milliseconds / 1000
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min {int(seconds % _MINUTE)} s"
    return f"{int(seconds // _HOUR)} h {int(seconds % _HOUR // _MINUTE)} min"


def lasted(of: Mapping[str, Any], now: datetime) -> float:
    """Milliseconds from when something was asked for to its end, or to now."""
    begun, ended = _time(of["created_at"]), _time(of["finished_at"])
    assert begun is not None, "whatever was asked for was asked for at some time"
    return ((ended or now) - begun).total_seconds() * 1000


def breakable(name: str) -> Markup:
    """A table's name that may go on in the next line behind its parts."""
    return Markup(re.sub(r"([._])", r"\1<wbr>", str(escape(name))))


def dollars(value: float | None) -> str:
    """Money, to the cent where there is one."""
    if value is None:
        return NOTHING
    return f"${value:,.2f}" if value >= 0.01 or value == 0 else "under $0.01"


def _rough(seconds: float) -> str:
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit * (2 if unit == _DAY else 1):
            return f"{int(seconds // unit)} {name}"
    return f"{int(seconds)} s"


def _time(value: datetime | str | None) -> datetime | None:
    return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) else value
