-- The slice is read again from the start by a new job; the same transaction deletes what it had staged.
WITH forgotten AS (
    DELETE FROM refresh.refresh_quarantine
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no
), noted AS (
    UPDATE refresh.refresh_task SET reason = 'result_lost', error = :error
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND status = 'running'
)
UPDATE refresh.refresh_checkpoint
SET generation = generation + 1, job_id = NULL, read_session = NULL, stream_offsets = '{}', figures_found = '{}', values_stripped = '{}',
    rows_received = 0, rows_read = 0, rows_staged = 0, rows_quarantined = 0, rows_superseded = 0, rows_merged = 0,
    status = 'pending', lease_until = NULL,
    not_before = clock_timestamp() + make_interval(secs => CAST(:delay AS double precision))
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no
