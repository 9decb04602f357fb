"""`python -m infra.deploy ENV …`: see deploy.sh, which is how it is called."""

from __future__ import annotations

import argparse
import sys

from infra.deploy.commands import say
from infra.deploy.deployment import PARTS, Deployment
from infra.deploy.environment import read_environment
from infra.deploy.errors import DeployError

_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the command; its exit code as deploy.sh describes them."""
    options = _parser().parse_args(arguments)
    try:
        environment = read_environment(options.environment)
    except DeployError as error:
        print(f"deploy.sh: {error}", file=sys.stderr)
        return 2
    deployment = Deployment(environment, ask=not options.yes)
    try:
        return _run(deployment, options)
    except DeployError as error:
        print(f"deploy.sh: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"\ndeploy.sh: interrupted while {deployment.step}. Run it again to go on, or with --rollback to go back.",
            file=sys.stderr,
        )
        return _INTERRUPTED


def _run(deployment: Deployment, options: argparse.Namespace) -> int:
    if options.doctor:
        return 0 if deployment.doctor() else 1
    if options.rollback:
        deployment.roll_back()
    elif options.plan:
        deployment.plan()
    else:
        deployment.deploy((options.only,) if options.only else PARTS)
        say("done")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="deploy.sh", description=__doc__)
    parser.add_argument("environment")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--yes", action="store_true")
    what = parser.add_mutually_exclusive_group()
    for name in ("--plan", "--rollback", "--doctor"):
        what.add_argument(name, action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
