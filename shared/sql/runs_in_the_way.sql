-- Later runs that have to be taken back before this one, the newest first.
SELECT later.run_id
FROM refresh.refresh_publish p
CROSS JOIN LATERAL refresh.publishes_in_the_way(p) later
WHERE p.run_id = :run_id AND p.expired_at IS NULL AND p.rolled_back_at IS NULL
    AND (CAST(:tables AS text[]) IS NULL OR p.table_schema || '.' || p.table_name = ANY (CAST(:tables AS text[])))
GROUP BY later.run_id
ORDER BY max(later.publish_id) DESC
LIMIT 100
