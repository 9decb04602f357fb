-- How many runs there are to page through.
SELECT count(*) AS total FROM refresh.refresh_run n WHERE (CAST(:status AS text) IS NULL OR n.status = :status)
