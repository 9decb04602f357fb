"""The command `refreshctl`, put together."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Annotated, cast

import typer
from typer.exceptions import TyperException
from typer.models import CommandInfo

from infra.cli import (
    backfills,
    configuration,
    costs,
    decisions,
    deliveries,
    doctor,
    letters,
    metrics,
    named_sql,
    overview,
    quality,
    quarantine,
    registration,
    runs,
    shadow,
    webhooks,
)
from infra.cli.errors import CommandError, Exit, usage
from infra.cli.examples import epilog
from infra.cli.help import Grouped
from infra.cli.layout import tame
from infra.cli.session import Options

_EPILOG = (
    "Exit codes: 0 all is well · 1 degraded, failed or not equal · 2 wrong usage or value · 3 the API cannot be "
    "reached · 4 refused · 5 not found · 6 changed meanwhile by somebody else · 130 interrupted"
)
_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Look": {
        "status": overview.status,
        "run": runs.run,
        "runs": runs.runs,
        "history": runs.history,
        "metrics": metrics.metrics,
        "costs": costs.costs,
        "audit": letters.audit,
        "doctor": doctor.doctor,
        "health": doctor.health,
    },
    "Refresh": {"trigger": runs.trigger, "plan": quality.plan, "report": quality.report, "replay": runs.replay},
    "Decide about data": {
        "verify": quality.verify,
        "quality": quality.quality,
        "release": decisions.release,
        "refuse": decisions.refuse,
        "publishes": decisions.publishes,
        "rollback": decisions.rollback,
    },
}
_GROUPS = {
    "Refresh": {"backfill": backfills.app},
    "Decide about data": {"quarantine": quarantine.app, "shadow": shadow.app},
    "Configure": {
        "tables": registration.app,
        "config": configuration.app,
        "sql": named_sql.app,
        "webhooks": webhooks.app,
    },
    "Mend": {"dead-letters": letters.app},
}

app = typer.Typer(
    name="refreshctl",
    cls=Grouped,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Operate the daily refresh: see whether the data is right, start refreshes, change how tables are refreshed.",
    epilog=_EPILOG,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"refreshctl {version('daily-bigquery-refresh')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    api_url: Annotated[str | None, typer.Option(metavar="URL", envvar="API_URL", help="Address of the API.")] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="TOKEN",
            envvar="API_TOKEN",
            help="Bearer token. None: Google's identity token of who is logged in.",
        ),
    ] = None,
    impersonate: Annotated[
        str | None,
        typer.Option(
            metavar="ACCOUNT", envvar="API_SERVICE_ACCOUNT", help="Service account to take the identity token of."
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Read what stands before the command."""
    given = cast(Options, context.obj)
    given.url, given.token, given.impersonate = api_url, token, impersonate


for _panel, _named in _COMMANDS.items():
    for _name, _function in _named.items():
        app.command(_name, rich_help_panel=_panel)(_function)
for _name, _delivery in deliveries.COMMANDS.items():
    webhooks.app.command(_name)(_delivery)
for _panel, _groups in _GROUPS.items():
    for _name, _group in _groups.items():
        app.add_typer(_group, name=_name, rich_help_panel=_panel)


def _registered() -> Iterator[tuple[str, CommandInfo]]:
    """Every command as it is typed, such as `config get`."""
    for one in app.registered_commands:
        yield one.name or "", one
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for one in group.typer_instance.registered_commands:
            yield f"{group.name} {one.name}", one


for _name, _command in _registered():
    _command.epilog = epilog(_name)


def command_names() -> list[str]:
    """Every command as it is typed, such as `config get`."""
    return [name for name, _ in _registered()]


def main() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal of an older alphabet
    given = Options(as_json="--json" in sys.argv)
    try:
        sys.exit(app(prog_name="refreshctl", obj=given, standalone_mode=False))
    except CommandError as error:
        _tell(given, error)
    except TyperException as error:
        if not given.as_json:
            error.show()  # type: ignore[attr-defined]  # the parser raises none without it
            _suggest(_alike(given) if given.misnamed else [])
            sys.exit(Exit.USAGE)
        _tell(given, usage(error.format_message()))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _tell(given: Options, error: CommandError) -> None:
    """What went wrong, and which tables may have been meant."""
    alike = _alike(given) if error.code is Exit.NOT_FOUND or given.misnamed else []
    if given.as_json:
        extra = {"did_you_mean": alike} if alike else {}
        print(json.dumps(error.problem | extra, ensure_ascii=False), file=sys.stderr)
    else:
        print(tame(f"refreshctl: {error}", breaks=True), file=sys.stderr)
        _suggest(alike)
    sys.exit(error.code)


def _suggest(alike: list[str]) -> None:
    if alike:
        print(f"Did you mean {' or '.join(tame(name) for name in alike)}?", file=sys.stderr)


def _alike(given: Options) -> list[str]:
    try:
        return given.alike()
    except CommandError:
        return []
