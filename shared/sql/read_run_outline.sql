-- What a page says of a run as a whole: of each table what its place goes by, column by column, the modes, and sums of all.
SELECT json_build_object(
    'tables', json_build_object(
        'table', coalesce(array_agg(table_schema || '.' || table_name), '{}'), 'status', coalesce(array_agg(status), '{}'),
        'started_at', coalesce(array_agg(started_at), '{}'), 'finished_at', coalesce(array_agg(finished_at), '{}'),
        'duration_ms', coalesce(array_agg(refresh.duration_ms(started_at, coalesce(finished_at, now()))), '{}')),
    'modes', coalesce(array_agg(DISTINCT mode), '{}'),
    'totals', json_build_object('rows_read', coalesce(sum(rows_read), 0), 'rows_inserted', coalesce(sum(rows_inserted), 0),
        'rows_updated', coalesce(sum(rows_updated), 0), 'rows_deleted', coalesce(sum(rows_deleted), 0))
)::text AS document
FROM refresh.refresh_task
WHERE run_id = :run_id
