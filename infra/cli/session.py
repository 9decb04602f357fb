"""What every command has: the API it speaks to, and where its answer goes."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, cast
from urllib.parse import urlsplit

import typer

from infra.cli.credentials import Credentials
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.output import Output

if TYPE_CHECKING:
    from infra.cli.api import Api

TABLE_HELP = "A table or materialized view, as schema.name."
_TABLE = re.compile(r"[^.\x00-\x1f\x7f]+\.[^.\x00-\x1f\x7f]+")


@dataclass(kw_only=True)
class Options:
    """What is known of a call of the command."""

    url: str | None = None
    token: str | None = None
    impersonate: str | None = None
    as_json: bool = False
    tables: list[str] = field(default_factory=list)
    """Tables that were named."""

    @cached_property
    def api(self) -> Api:
        """The API that is meant."""
        from infra.cli.api import Api

        url = _address(self.url)
        return Api(url, Credentials(url=url, token=self.token or None, impersonate=self.impersonate or None))

    @property
    def misnamed(self) -> bool:
        """Whether something was named that is no table's name."""
        return not all(_TABLE.fullmatch(name) for name in self.tables)

    def alike(self) -> list[str]:
        """Tables with names like those that were named and are not registered."""
        known = [one["table"] for one in self.api.items("/config")]
        return [like for name in self.tables if name not in known for like in _alike(name, known)]


def _address(url: str | None) -> str:
    if not url:
        raise usage("where is the API? Set API_URL, or give --api-url")
    try:
        parts = urlsplit(url)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0 or " " in url
    except ValueError:
        wrong = True
    if wrong:
        raise usage(f"API_URL is {url}, which is no address: it has to be like https://refresh.example.com")
    return url.rstrip("/").removesuffix("/api/refresh")


def _alike(name: str, known: Iterable[str]) -> list[str]:
    by_last_part = [one for one in known if one.partition(".")[2] == name.rpartition(".")[2]]
    return by_last_part[:3] or difflib.get_close_matches(name, known, n=3, cutoff=0.7)


@dataclass(frozen=True, kw_only=True)
class Session:
    """A command under way."""

    api: Api
    out: Output


def opened(context: typer.Context, as_json: bool) -> Session:
    """Begin a command."""
    options = _options(context)
    options.as_json = options.as_json or as_json
    return Session(api=options.api, out=Output(as_json=options.as_json))


class Declined(CommandError):
    """Who was asked said no."""

    def __init__(self) -> None:
        super().__init__(Exit.REFUSED, "nothing was changed")


def confirm(session: Session, question: str, *, yes: bool) -> None:
    """Ask whether to go on. Where nobody can be asked, --yes is needed."""
    if yes:
        return
    if not can_ask(session):
        raise usage(f"{question} Give --yes to say so where nobody can be asked")
    if not agreed(question):
        raise Declined


def can_ask(session: Session) -> bool:
    """Whether somebody looks on who could answer."""
    return session.out.is_terminal and not session.out.as_json


def agreed(question: str) -> bool:
    """What somebody answers; the end of the input is a no."""
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def known(session: Session, table: str | None) -> None:
    """CommandError for a table that is not registered: then that there is nothing of it says little."""
    if table is not None:
        from infra.cli.documents import segment

        session.api.read(f"/config/{segment(table)}")


def complete_table(context: typer.Context, incomplete: str) -> list[str]:
    """Tables that begin with what was typed; none where the API cannot be asked."""
    try:
        return [name for one in completing(context).items("/config") if (name := one["table"]).startswith(incomplete)]
    except CommandError:
        return []


def completing(context: typer.Context) -> Api:
    """The API, while the shell completes: then nothing has been read yet of what stands before the command."""
    given = context.find_root().params
    return Options(url=given.get("api_url"), token=given.get("token"), impersonate=given.get("impersonate")).api


def table_name(text: str) -> str:
    """A table's name; BadParameter for what is none."""
    if not _TABLE.fullmatch(text):
        raise typer.BadParameter(f"{text or 'an empty name'} is no table's name, which is like schema.name")
    return text


def _named(context: typer.Context, given: str | list[str] | None) -> str | list[str] | None:
    if not context.resilient_parsing:
        names = [given] if isinstance(given, str) else given or []
        _options(context).tables += names
        for name in names:
            table_name(name)
    return given


def _options(context: typer.Context) -> Options:
    return cast(Options, context.find_root().obj) or Options()


Json = Annotated[bool, typer.Option("--json", help="Answer with JSON, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something is changed.")]
Table = Annotated[
    str,
    typer.Argument(
        help=TABLE_HELP, metavar="TABLE", autocompletion=complete_table, callback=_named, show_default=False
    ),
]
OneTable = Annotated[
    str | None,
    typer.Argument(
        help=f"{TABLE_HELP} None: all.",
        metavar="TABLE",
        autocompletion=complete_table,
        callback=_named,
        show_default=False,
    ),
]
Tables = Annotated[
    list[str] | None,
    typer.Argument(
        help=f"{TABLE_HELP} None: all.",
        metavar="TABLE",
        autocompletion=complete_table,
        callback=_named,
        show_default=False,
    ),
]
