-- What the last look before the publish changed in the plan.
INSERT INTO refresh.refresh_task_scope AS t
    (run_id, table_schema, table_name, scope, action, fingerprint, published_fingerprint, rows, rows_read,
    published_rows, slice_no, figures)
SELECT :run_id, :schema, :name, s.scope, s.action, s.fingerprint, s.published_fingerprint, s.rows, s.rows_read,
    coalesce(s.published_rows, 0), s.slice_no, s.figures
FROM jsonb_to_recordset(CAST(:scopes AS jsonb)) AS s (
    scope text, action text, fingerprint text, published_fingerprint text, rows bigint, rows_read bigint,
    published_rows bigint, slice_no integer, figures jsonb)
ON CONFLICT (run_id, table_schema, table_name, scope) DO UPDATE
SET action = excluded.action, slice_no = coalesce(excluded.slice_no, t.slice_no)
