-- Outcomes of checks, newest first, from a cursor on.
SELECT coalesce(json_agg(listed ORDER BY listed.check_id DESC), '[]')::text AS document
FROM (
    SELECT q.check_id, q.run_id, q.table_schema || '.' || q.table_name AS "table", q.scope, q.metric, q.value, q.threshold,
        q.outcome, q.passed, q.details, q.checked_at
    FROM refresh.refresh_data_quality q
    WHERE (CAST(:schema AS text) IS NULL OR (q.table_schema = :schema AND q.table_name = :name))
        AND (CAST(:run_id AS uuid) IS NULL OR q.run_id = CAST(:run_id AS uuid))
        AND (CAST(:metric AS text) IS NULL OR q.metric = :metric)
        AND (CAST(:passed AS boolean) IS NULL OR q.passed = :passed)
        AND (CAST(:before_id AS bigint) IS NULL OR q.check_id < :before_id)
    ORDER BY q.check_id DESC
    LIMIT :limit
) listed
