-- How many rows a list of the quarantine has. The order keeps it to indexes: rows are as wide as their source's.
SELECT count(*) AS total
FROM (
    SELECT
    FROM refresh.refresh_quarantine q
    WHERE (CAST(:schema AS text) IS NULL OR (q.table_schema = :schema AND q.table_name = :name))
        AND (CAST(:run_id AS uuid) IS NULL OR q.run_id = CAST(:run_id AS uuid))
        AND (CAST(:reason AS text) IS NULL OR q.reason = :reason)
        AND (CAST(:resolved AS boolean) IS NULL OR (q.resolved_at IS NOT NULL) = CAST(:resolved AS boolean))
    ORDER BY q.quarantine_id DESC
    OFFSET 0
) counted
