-- How many rows a table's own check returns, with the rights of refresh_check alone.
SELECT refresh.failing_rows(CAST(:check AS text)) AS rows
