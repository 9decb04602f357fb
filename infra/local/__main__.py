"""`python -m infra.local up`, `demo`, `report` and `dictionary`."""

import logging
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from infra.local import interrupts
from infra.local.process import PartFailedError
from infra.local.pubsub import Kind
from infra.local.stack import Stack

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The whole system on this machine, without a cloud.")

DataDir = Annotated[Path | None, typer.Option(help="Where data and logs are kept. Unset: temporary, removed at exit.")]
EnvFile = Annotated[Path | None, typer.Option(help="Written when all is ready: addresses, tokens and process ids.")]
Empty = Annotated[bool, typer.Option("--empty", help="Load no sample data and register no table.")]
Bus = Annotated[Kind | None, typer.Option(help="Which Pub/Sub. Unset: the official emulator where it is found.")]


@app.command()
def up(data_dir: DataDir = None, env_file: EnvFile = None, empty: Empty = False, bus: Bus = None) -> None:
    """Start everything on free loopback ports, and run until SIGTERM or Ctrl-C."""
    with Stack(data_dir=data_dir, file=env_file, empty=empty, bus=bus) as stack:
        print(f"ready: logs in {stack.logs}, Pub/Sub is {stack.pubsub.kind}", flush=True)
        if "API_URL" in stack.env:
            print(f"web page: {stack.sign_in_url} (signs a browser in, once)", flush=True)
            print(f"       or {stack.env['API_URL']}/ with the operator's token {stack.env['API_TOKEN']}", flush=True)
        threading.Event().wait()


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def demo(context: typer.Context) -> None:
    """Refresh two days of sample data, and prove that every target equals its source."""
    from infra.local.demo import main as run

    sys.exit(run(context.args))


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def report(context: typer.Context) -> None:
    """Write the brand dashboard of a warehouse as one HTML file."""
    from infra.local.report import main as run

    sys.exit(run(context.args))


@app.command()
def dictionary() -> None:
    """Write docs/data-dictionary.md anew from the migrations."""
    from infra.local.dictionary import write

    print(f"wrote {write().name}")


def main() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    interrupts.install()
    try:
        app()
    except PartFailedError as error:
        sys.exit(f"the stack did not start\n{error}")


if __name__ == "__main__":
    main()
