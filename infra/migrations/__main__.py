"""`python -m infra.migrations`: apply what is not applied yet, say what would be, or write the snapshot anew."""

import argparse
import os
import sys

from infra.migrations.files import MigrationError
from infra.migrations.run import migrate, status
from shared.domain.errors import ConfigurationError


def main(arguments: list[str] | None = None) -> int:
    """Run the command; 0 when done, 1 when something is wrong, 2 for a wrong call."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "snapshot":
            return _snapshot(options.database_url)
        url = options.database_url or os.environ.get("DATABASE_URL")
        if not url:
            print(
                "Set DATABASE_URL, or give --database-url postgresql://user:password@host:port/database",
                file=sys.stderr,
            )
            return 2
        return _status(url) if options.command == "status" else _migrate(url)
    except (MigrationError, ConfigurationError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.migrations", description=__doc__)
    parser.add_argument(
        "command",
        nargs="?",
        default="migrate",
        choices=["migrate", "status", "snapshot"],
        help="migrate (default); status: what is applied and what waits; snapshot: write schema.sql anew",
    )
    parser.add_argument(
        "--database-url",
        help="default: DATABASE_URL; for snapshot: an embedded server of its own",
    )
    return parser


def _migrate(url: str) -> int:
    names = migrate(url)
    for name in names:
        print(f"applied {name}")
    print(f"{len(names)} applied" if names else "nothing to apply; the database is up to date")
    return 0


def _status(url: str) -> int:
    applied, waiting = status(url)
    for name in applied:
        print(f"applied {name}")
    for name in waiting:
        print(f"waiting {name}")
    return 0


def _snapshot(url: str | None) -> int:
    from infra.migrations.snapshot import SNAPSHOT, fresh_schema, schema_of

    SNAPSHOT.write_text(schema_of(url) if url else fresh_schema(), encoding="utf-8")
    print(f"wrote {SNAPSHOT.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
