-- What each slice says it has staged.
SELECT slice_no, rows_staged, rows_quarantined, bytes_billed
FROM refresh.refresh_checkpoint
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
ORDER BY slice_no
