-- FOR UPDATE waits for the transaction whose reply was lost, so the marker is its last word.
SELECT commit_marker FROM refresh.refresh_task
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
FOR UPDATE
