"""Reconcile: a slice counts only when what arrived is, column by column, what BigQuery says it has."""

from __future__ import annotations

from shared.domain.definition import Definition
from shared.domain.errors import ReconcileMismatch
from shared.domain.figures import differences
from shared.ports import Row


def reconcile(definition: Definition, checkpoint: Row) -> None:
    """ReconcileMismatch, naming slice and columns, unless both equations hold.

    Received rows and the figures over the Arrow batches as received equal BigQuery's figures of the same scopes at the
    same snapshot. Received = staged + quarantined is held by the checkpoint's own constraint.
    """
    where = f"{definition.table}: slice {checkpoint['slice_no']} ({_scopes(checkpoint['scope_values'])})"
    if checkpoint["rows_received"] != checkpoint["rows_expected"]:
        raise ReconcileMismatch(
            f"{where}: {checkpoint['rows_received']} rows arrived, BigQuery has {checkpoint['rows_expected']}"
        )
    if checkpoint["rows_read"] != checkpoint["source_rows_expected"]:
        raise ReconcileMismatch(
            f"{where}: the rows that arrived stand for {checkpoint['rows_read']} source rows, "
            f"BigQuery has {checkpoint['source_rows_expected']}"
        )
    if checkpoint["rows_received"] == 0:
        return
    wrong = differences(checkpoint["figures_expected"], checkpoint["figures_found"])
    if wrong:
        raise ReconcileMismatch(
            f"{where}: {'; '.join(wrong[:5])}" + (f" and {len(wrong) - 5} more" if wrong[5:] else "")
        )


def _scopes(values: list[str | None]) -> str:
    shown = ", ".join("NULL" if value is None else value for value in values[:3])
    return shown + (f" and {len(values) - 3} more" if values[3:] else "")
