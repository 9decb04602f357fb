-- Rows, state and views go back together, or nothing does.
SELECT table_schema, table_name, rows_inserted, rows_updated, rows_deleted
FROM refresh.roll_back(:run_id, CAST(:tables AS text[]), :subject, :reason)
