-- What the plan found; planning anew replaces what an earlier attempt wrote.
WITH gone AS (
    DELETE FROM refresh.refresh_task_scope
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
)
INSERT INTO refresh.refresh_task_scope
    (run_id, table_schema, table_name, scope, action, fingerprint, published_fingerprint, rows, rows_read,
    published_rows, slice_no, figures)
SELECT :run_id, :schema, :name, s.scope, s.action, s.fingerprint, s.published_fingerprint, s.rows, s.rows_read,
    coalesce(s.published_rows, 0), s.slice_no, s.figures
FROM jsonb_to_recordset(CAST(:scopes AS jsonb)) AS s (
    scope text, action text, fingerprint text, published_fingerprint text, rows bigint, rows_read bigint,
    published_rows bigint, slice_no integer, figures jsonb)
