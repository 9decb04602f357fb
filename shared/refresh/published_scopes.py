"""What a table shows: its scopes as last published, or as the target holds them where no published scan has been."""

from __future__ import annotations

from shared.domain.definition import Definition
from shared.domain.ids import TableName
from shared.domain.scope import ScanRange
from shared.planning.scopes import PublishedScope, widens
from shared.ports import Session
from shared.refresh.merge import target_name
from shared.refresh.state import state_statement


def published_scopes(
    session: Session, table: TableName, definition: Definition, scan: ScanRange
) -> list[PublishedScope]:
    """The scopes as last published, with those that only the target knows where the scan sees more than any before."""
    key = {"schema": table.schema, "name": table.name}
    (newest,) = session.run(state_statement("newest_scan", definition), **key)
    published = [PublishedScope(**row) for row in session.run(state_statement("published_scopes", definition), **key)]
    if newest["snapshot_at"] is not None and not widens(scan.scan_from, newest["scan_from"]):
        return published
    known = {scope.value for scope in published}
    return published + [scope for scope in scopes_of_target(session, definition, scan) if scope.value not in known]


def scopes_of_target(session: Session, definition: Definition, scan: ScanRange) -> list[PublishedScope]:
    """The rows that the target holds, divided as the definition says."""
    value = definition.scope.postgres_value("t") if definition.scope else "NULL::text"
    text = f"SELECT {value} AS value, count(*) AS rows FROM {target_name(definition)} t"
    if definition.scope is not None and scan.end is not None:
        within = definition.scope.postgres_between("t", ":low", ":high")
        rows = session.run(f"{text} WHERE {within} GROUP BY 1", low=scan.scan_from, high=scan.scan_to)
    else:
        rows = session.run(f"{text} GROUP BY 1")
    return [
        PublishedScope(value=row["value"], fingerprint="", definition_hash="", snapshot_at=None, rows=row["rows"])
        for row in rows
    ]
