-- How many runs there are to page through. The order keeps it to an index alone: what was asked for can make runs wide.
SELECT count(*) AS total
FROM (
    SELECT FROM refresh.refresh_run n WHERE (CAST(:status AS text) IS NULL OR n.status = :status) ORDER BY n.created_at DESC OFFSET 0
) counted
