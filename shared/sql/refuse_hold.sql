-- What was held stays so, whenever it comes again.
SELECT refresh.refuse(CAST(:table AS text), CAST(:reason AS text), CAST(:run_id AS uuid), CAST(:requested_by AS text)) AS scopes
