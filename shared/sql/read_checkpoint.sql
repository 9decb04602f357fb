-- A slice as it stands.
SELECT slice_no, scope_values, rows_expected, rows_received, source_rows_expected, rows_read, figures_expected, figures_found
FROM refresh.refresh_checkpoint
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no
