-- See task_marker.sql.
SELECT commit_marker FROM refresh.refresh_checkpoint
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND slice_no = :slice_no
FOR UPDATE
