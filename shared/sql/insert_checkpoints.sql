-- The slices of a plan.
INSERT INTO refresh.refresh_checkpoint
    (run_id, table_schema, table_name, slice_no, scope_values, rows_expected, source_rows_expected,
    figures_expected)
SELECT :run_id, :schema, :name, s.slice_no,
    ARRAY(SELECT v.value #>> '{}' FROM jsonb_array_elements(s.scopes) WITH ORDINALITY AS v (value, position) ORDER BY v.position),
    s.rows, s.rows_read, s.figures
FROM jsonb_to_recordset(CAST(:slices AS jsonb)) AS s (slice_no integer, scopes jsonb, rows bigint, rows_read bigint,
    figures jsonb)
