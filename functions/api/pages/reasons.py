"""What to do about a task's reason. Pure; the README's part "Outcomes" has the same at more length."""

from __future__ import annotations

_BY_REASON = {
    "empty_source": "The source has no rows. If that is meant, release it; if not, have it delivered again.",
    "halved_source": "Far fewer rows than before. If that is meant, release it; if not, have it delivered again.",
    "scopes_held": "Some scopes are empty or too small; the quality checks on the table's page name them.",
    "cost_cap": "BigQuery would bill more than a cap allows. Raise the cap that is named, or set a lookback.",
    "rows_quarantined": "Rows that the target cannot hold were put aside; the table's page lists them by reason.",
    "checks_warned": "It was published, but a check of the data's quality did not pass: see the table's page.",
    "not_equal": "Refresh the table with force, and find out who else has changed it.",
    "rolled_back": "Its source still has what was taken back. Have it mended there, or release it.",
    "append_only": "Rows have changed or vanished at the source, and the strategy append leaves them as they are.",
    "invalid_registration": "Change configuration, source or target as the message says, then replay the run.",
    "duplicate_key": "The key stands more than once at the source: mend the source, or choose other key_columns.",
    "null_key": "A key column is NULL at the source: mend the source, or choose other key_columns.",
    "nul_in_text": "Set another policy for the column in nul_policies, or mend the source.",
    "definition_changed": "Source, target or registration changed during the run. Refresh the table again.",
    "snapshot_lost": "The source can no longer be read as it was. Refresh the table again.",
    "reconcile_mismatch": "What arrived is not what BigQuery says it has. Refresh it again, and report it if it stays.",
    "staging_lost": "The staging table was dropped by hand. Refresh the table again.",
    "publish_too_large": "Choose a scope_column, or raise REFRESH_PUBLISH_SECONDS.",
    "database_refused": "Postgres refused a statement; mend what its message says, then replay the run.",
    "bigquery_refused": "BigQuery refused a call; mend what its message says, then replay the run.",
    "attempts_exhausted": "Ten tries made no progress. Mend the last reason, then replay the run.",
    "input_failed": "It waits for a table that was held, failed or skipped: mend that one, then replay the run.",
    "superseded": "Nothing to do: a newer run had published already.",
    "disabled": "Its mode is disabled. Change that in the configuration, if it is to be refreshed.",
}
_BY_STATUS = {
    "failed": "Nothing was changed. Mend what the message says, then replay the run.",
    "held": "Nothing was changed. Look at the source and at the table's quality checks.",
    "skipped": "It was not tried. Mend what it waits for, then replay the run.",
    "warning": "It was published; have a look at what was left out.",
}


def advice(status: str, reason: str | None) -> str:
    """What somebody who knows nothing can do."""
    return _BY_REASON.get(reason or "", _BY_STATUS.get(status, ""))
