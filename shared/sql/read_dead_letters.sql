-- Messages that were given up, newest first, from a cursor on.
SELECT coalesce(json_agg(listed ORDER BY listed.dead_letter_id DESC), '[]')::text AS document
FROM (
    SELECT d.dead_letter_id, d.message_id, d.topic, d.reason, d.payload, d.attributes, d.run_id,
        d.table_schema || '.' || d.table_name AS "table", d.received_at, d.replayed_at
    FROM refresh.refresh_dead_letter d
    WHERE (CAST(:before_id AS bigint) IS NULL OR d.dead_letter_id < :before_id)
    ORDER BY d.dead_letter_id DESC
    LIMIT :limit
) listed
