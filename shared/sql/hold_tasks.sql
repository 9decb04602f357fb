-- The tables of a publish group change together or not at all. What is staged is kept like that of any held task.
UPDATE refresh.refresh_task t
SET status = 'held', reason = 'group_held', error = listed.error, slices_open = 0,
    details = t.details || jsonb_build_object('group_held_by', listed.cause)
FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[]), CAST(:errors AS text[]), CAST(:causes AS text[]))
    AS listed (table_schema, table_name, error, cause)
WHERE t.run_id = :run_id AND t.table_schema = listed.table_schema AND t.table_name = listed.table_name
    AND t.status IN ('queued', 'running')
