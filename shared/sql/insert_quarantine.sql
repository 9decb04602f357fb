-- Rows that the target cannot hold. As json, not jsonb, because jsonb refuses the very NULs that rows are put aside for.
INSERT INTO refresh.refresh_quarantine (run_id, table_schema, table_name, slice_no, scope, reason, column_name, source_row)
SELECT :run_id, :schema, :name, :slice_no, q.scope, q.reason, q.column_name, CAST(q.source_row AS json)
FROM jsonb_to_recordset(CAST(:rejected AS jsonb)) AS q (scope text, reason text, column_name text, source_row text)
