"""The command `refreshctl`, put together."""

from __future__ import annotations

import json
import sys
from typing import Annotated, cast

import typer

from infra.cli import aside, configuration, decisions, letters, overview, quality, registration, runs, webhooks
from infra.cli.errors import CommandError
from infra.cli.session import Options

_EPILOG = (
    "Exit codes: 0 all is well · 1 degraded, failed or not equal · 2 wrong usage or value · 3 the API cannot be "
    "reached · 4 refused · 5 not found · 6 changed meanwhile by somebody else · 130 interrupted"
)

app = typer.Typer(
    name="refreshctl",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Operate the daily refresh: see whether the data is right, start refreshes, change how tables are refreshed.",
    epilog=_EPILOG,
)


@app.callback()
def options(
    context: typer.Context,
    api_url: Annotated[str | None, typer.Option(envvar="API_URL", help="Address of the API.")] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="API_TOKEN", help="Bearer token. None: Google's identity token of who is logged in."),
    ] = None,
    impersonate: Annotated[
        str | None,
        typer.Option(envvar="API_SERVICE_ACCOUNT", help="Service account to take the identity token of."),
    ] = None,
) -> None:
    """Read what stands before the command."""
    given = cast(Options, context.obj)
    given.url, given.token, given.impersonate = api_url, token, impersonate


app.command("status")(overview.status)
app.command("doctor")(overview.doctor)
app.command("trigger")(runs.trigger)
app.command("runs")(runs.runs)
app.command("run")(runs.run)
app.command("history")(runs.history)
app.command("replay")(runs.replay)
app.command("rollback")(decisions.rollback)
app.command("publishes")(decisions.publishes)
app.command("release")(decisions.release)
app.command("refuse")(decisions.refuse)
app.command("costs")(decisions.costs)
app.command("plan")(quality.plan)
app.command("report")(quality.report)
app.command("verify")(quality.verify)
app.command("quality")(quality.quality)
app.command("audit")(letters.audit)
app.add_typer(configuration.app, name="config")
app.add_typer(registration.app, name="tables")
app.add_typer(aside.backfill_app, name="backfill")
app.add_typer(aside.quarantine_app, name="quarantine")
app.add_typer(aside.shadow_app, name="shadow")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(letters.app, name="dead-letters")


def command_names() -> list[str]:
    """Every command as it is typed, such as `config get`."""
    own = [one.name or "" for one in app.registered_commands]
    groups = [(group.name, group.typer_instance) for group in app.registered_groups]
    return own + [f"{name} {one.name}" for name, group in groups if group for one in group.registered_commands]


def main() -> None:
    """Entry point of the console script."""
    given = Options()
    try:
        app(prog_name="refreshctl", obj=given)
    except CommandError as error:
        shown = json.dumps(error.problem, ensure_ascii=False) if given.as_json else f"refreshctl: {error}"
        print(shown, file=sys.stderr)
        sys.exit(error.code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
