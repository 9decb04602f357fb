"""Named SQL: a query of one's own as a source. It may read only what does not change while a run goes on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shared.domain.errors import InvalidRegistration

if TYPE_CHECKING:
    from sqlglot import exp

PREFIX = "sql:"
_AS_OF = "FOR SYSTEM_TIME AS OF @SNAPSHOT_AT"
_UNSTEADY = re.compile(
    r"CURRENT_(DATE|DATETIME|TIME|TIMESTAMP)|RAND|GENERATE_UUID|UUID|SESSION_USER|CURRENT_USER", re.IGNORECASE
)


def named_sql(source: str) -> str | None:
    """The name, where a registry's source is named SQL (`sql:name`)."""
    return source.removeprefix(PREFIX) if source.startswith(PREFIX) else None


def tables_read(name: str, sql: str) -> tuple[str, ...]:
    """The tables that a named SQL reads, each once.

    Raises InvalidRegistration unless it is one SELECT that reads every table as of the run's snapshot and computes
    nothing that is another thing each time: only then can a slice be made again, and be proven.
    """
    query = _select(name, sql)
    found: dict[str, None] = {}
    for table in _tables(query):
        _check_table(name, table)
        found[".".join(part.name for part in table.parts)] = None
    if not found:
        raise InvalidRegistration(f"named SQL {name} reads no table: write SELECT … FROM `project.dataset.table` …")
    _check_steady(name, query)
    return tuple(found)


def _select(name: str, sql: str) -> exp.Query:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        statements = [one for one in sqlglot.parse(sql, read="bigquery") if one is not None]
    except SqlglotError as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidRegistration(f"named SQL {name} cannot be read as GoogleSQL: {problem}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise InvalidRegistration(f"named SQL {name} must be one SELECT statement (WITH … SELECT is one), nothing else")
    return statements[0]


def _tables(query: exp.Query) -> Iterator[exp.Table]:
    """Every table named in a FROM or JOIN, those of WITH left out."""
    from sqlglot import exp

    known = {cte.alias.lower() for cte in query.find_all(exp.CTE)}
    for table in query.find_all(exp.Table):
        if len(table.parts) > 1 or table.name.lower() not in known:
            yield table


def _check_table(name: str, table: exp.Table) -> None:
    from sqlglot import exp

    text = table.sql("bigquery")
    if not all(isinstance(part, exp.Identifier) for part in table.parts):
        raise InvalidRegistration(
            f"named SQL {name} reads {text}, which cannot be read as of a snapshot; read tables only"
        )
    if len(table.parts) != 3 or any(part.name.endswith("*") or "." in part.name for part in table.parts):
        raise InvalidRegistration(
            f"named SQL {name} reads {text}: name each table in full, `project.dataset.table`, without a wildcard"
        )
    version = table.args.get("version")
    if version is None or version.sql("bigquery").upper() != _AS_OF:
        raise InvalidRegistration(
            f"named SQL {name} does not read {text} at the run's snapshot: write "
            f"`{'.'.join(part.name for part in table.parts)}` [AS alias] FOR SYSTEM_TIME AS OF @snapshot_at"
        )


def _check_steady(name: str, query: exp.Query) -> None:
    from sqlglot import exp

    for function in query.find_all(exp.Func):
        called = function.name if isinstance(function, exp.Anonymous) else function.sql_name()
        if _UNSTEADY.fullmatch(called):
            raise InvalidRegistration(
                f"named SQL {name} calls {called}, which answers differently each time; use @snapshot_at instead"
            )
    for parameter in query.find_all(exp.Parameter):
        if parameter.name.lower() != "snapshot_at":
            raise InvalidRegistration(f"named SQL {name} uses {parameter.sql()}; the only parameter is @snapshot_at")
