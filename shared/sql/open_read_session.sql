-- A new session starts at 0 in every stream.
UPDATE refresh.refresh_checkpoint
SET job_id = :job_id, job_project = :project, job_location = :location, read_session = :session,
    stream_offsets = CAST(:offsets AS jsonb), bytes_billed = bytes_billed + :bytes_billed
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no
