-- The slices of a task that fills its target.
SELECT slice_no, scope_values, generation, rows_expected, source_rows_expected, figures_expected
FROM refresh.refresh_checkpoint
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
ORDER BY slice_no
