-- What decides whether a table may be refreshed now: of those named, or of all that the run's mode suits. A run that is not
-- planned yet holds what it names; one that names nothing holds all. Runs of another mode are in nobody's way: they share
-- nothing, and only what is published is refreshed too soon.
SELECT r.table_schema || '.' || r.table_name AS "table", r.mode, wanted.mode AS run_mode,
    r.mode = 'disabled' OR (refresh.mode_allows(r.mode, wanted.mode) AND (wanted.mode = 'live' OR r.handler <> 'summaries'))
        AS allowed,
    EXISTS (
        SELECT FROM refresh.refresh_run n
        WHERE n.status = 'running' AND CASE
            WHEN n.planned_at IS NULL THEN
                coalesce(n.request ->> 'mode', r.mode) = wanted.mode
                AND (n.request -> 'tables' IS NULL OR n.request -> 'tables' ? (r.table_schema || '.' || r.table_name))
            ELSE EXISTS (
                SELECT FROM refresh.refresh_task t
                WHERE t.run_id = n.run_id AND t.table_schema = r.table_schema AND t.table_name = r.table_name
                    AND t.mode = wanted.mode AND t.status IN ('queued', 'running'))
            END) AS busy,
    ceil(extract(epoch FROM recent.finished_at + interval '1 hour' - now()))::integer AS seconds_to_wait
FROM refresh.refresh_table_registry r
CROSS JOIN LATERAL (SELECT coalesce(CAST(:mode AS text), r.mode) AS mode) wanted
LEFT JOIN LATERAL (
    SELECT t.finished_at FROM refresh.refresh_task t
    WHERE t.table_schema = r.table_schema AND t.table_name = r.table_name AND t.status IN ('success', 'no_new_data', 'warning')
        AND t.mode = 'live' AND wanted.mode = 'live'
    ORDER BY t.finished_at DESC
    LIMIT 1
) recent ON recent.finished_at > now() - interval '1 hour'
WHERE CASE WHEN CAST(:tables AS text[]) IS NULL THEN r.mode <> 'disabled' AND refresh.mode_allows(r.mode, wanted.mode)
        AND (wanted.mode = 'live' OR r.handler <> 'summaries')
    ELSE r.table_schema || '.' || r.table_name = ANY (CAST(:tables AS text[])) END
ORDER BY r.table_schema, r.table_name
