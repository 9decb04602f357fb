"""What every command has: the API it speaks to, and where its answer goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

import typer

from infra.cli.api import Api
from infra.cli.credentials import Credentials
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.output import Output

Json = Annotated[bool, typer.Option("--json", help="Answer with JSON, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something is changed.")]
TABLE_HELP = "A table or materialized view, as schema.name."


@dataclass(kw_only=True)
class Options:
    """Options that stand before the command."""

    url: str | None = None
    token: str | None = None
    impersonate: str | None = None
    as_json: bool = False

    def api(self) -> Api:
        """The API that is meant."""
        if not self.url:
            raise usage("where is the API? Set API_URL, or give --api-url")
        if not self.url.startswith(("http://", "https://")):
            raise usage(f"API_URL is {self.url}, which is no address: it begins with https:// or http://")
        url = self.url.rstrip("/")
        return Api(url, Credentials(url=url, token=self.token or None, impersonate=self.impersonate or None))


@dataclass(frozen=True, kw_only=True)
class Session:
    """A command under way."""

    api: Api
    out: Output


def opened(context: typer.Context, as_json: bool) -> Session:
    """Begin a command."""
    options = cast(Options, context.find_root().obj)
    options.as_json = as_json
    return Session(api=options.api(), out=Output(as_json=as_json))


def confirm(session: Session, question: str, *, yes: bool) -> None:
    """Ask whether to go on. Where nobody can be asked, --yes is needed."""
    if yes:
        return
    if session.out.as_json or not session.out.is_terminal:
        raise usage(f"{question} Give --yes to say so where nobody can be asked")
    if not typer.confirm(question):
        raise CommandError(Exit.REFUSED, "nothing was changed")


def complete_table(context: typer.Context, incomplete: str) -> list[str]:
    """Tables that begin with what was typed; none where the API cannot be asked."""
    options = cast(Options, context.find_root().obj) or Options()
    params = context.find_root().params
    options.url, options.token = params.get("api_url"), params.get("token")
    options.impersonate = params.get("impersonate")
    try:
        return [name for one in options.api().items("/config") if (name := one["table"]).startswith(incomplete)]
    except CommandError:
        return []


Table = Annotated[str, typer.Argument(help=TABLE_HELP, autocompletion=complete_table, show_default=False)]
Tables = Annotated[
    list[str] | None, typer.Argument(help=f"{TABLE_HELP} None: all.", autocompletion=complete_table, show_default=False)
]
