-- Rows that a dry run has put aside are counted in its report, and are nobody's business after it.
WITH gone AS (
    DELETE FROM refresh.refresh_quarantine
    WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name
    RETURNING reason, column_name
)
SELECT reason, column_name AS "column", count(*) AS rows FROM gone GROUP BY 1, 2 ORDER BY 1, 2
