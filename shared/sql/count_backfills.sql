-- How many backfills there are, of a table or in all.
SELECT count(*) AS total FROM refresh.refresh_backfill
WHERE CAST(:schema AS text) IS NULL OR (table_schema, table_name) = (CAST(:schema AS text), CAST(:name AS text))
