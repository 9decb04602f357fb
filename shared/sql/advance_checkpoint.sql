-- What the rows staged in this transaction add to the slice. Progress forgives earlier attempts.
UPDATE refresh.refresh_checkpoint
SET stream_offsets = CAST(:offsets AS jsonb), figures_found = CAST(:figures AS jsonb),
    values_stripped = CAST(:stripped AS jsonb), attempt = 0,
    rows_received = rows_received + :received,
    rows_read = rows_read + :received + :superseded + :merged,
    rows_staged = rows_staged + :staged,
    rows_quarantined = rows_quarantined + :quarantined,
    rows_superseded = rows_superseded + :superseded,
    rows_merged = rows_merged + :merged
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no
