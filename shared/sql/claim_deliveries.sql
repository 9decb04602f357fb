-- A statement of its own after the locks, so that it sees what earlier holders of them have claimed.
-- An endpoint that is failing gets one attempt at a time, and so does Slack, which allows one message a second.
WITH room AS (
    SELECT e.endpoint_id,
        CASE WHEN e.kind = 'slack' OR e.failing_since IS NOT NULL THEN 1 ELSE CAST(:per_endpoint AS bigint) END - (
            SELECT count(*) FROM refresh.webhook_delivery d
            WHERE d.endpoint_id = e.endpoint_id AND d.state = 'pending' AND d.lease_until > clock_timestamp()) AS free
    FROM refresh.webhook_endpoint e
    WHERE e.endpoint_id = ANY (CAST(:endpoint_ids AS uuid[]))
), due AS (
    SELECT d.delivery_id
    FROM room
    CROSS JOIN LATERAL (
        SELECT d.delivery_id, d.next_attempt_at, row_number() OVER (ORDER BY d.next_attempt_at, d.created_at) AS place
        FROM refresh.webhook_delivery d
        WHERE d.endpoint_id = room.endpoint_id AND d.state = 'pending' AND d.next_attempt_at <= clock_timestamp()
            AND coalesce(d.lease_until, '-infinity') <= clock_timestamp()
        ORDER BY d.next_attempt_at, d.created_at
        LIMIT greatest(room.free, 0)
    ) d
    ORDER BY d.place, d.next_attempt_at
    LIMIT CAST(:limit AS bigint)
)
UPDATE refresh.webhook_delivery d
SET attempt = d.attempt + 1, epoch = d.epoch + 1,
    lease_until = clock_timestamp() + make_interval(secs => :lease_seconds)
FROM due, refresh.webhook_endpoint e
WHERE d.delivery_id = due.delivery_id AND e.endpoint_id = d.endpoint_id AND d.state = 'pending'
    AND coalesce(d.lease_until, '-infinity') <= clock_timestamp()
RETURNING d.delivery_id, d.endpoint_id, d.event_id, d.payload, d.attempt AS number, d.epoch, e.kind, e.url, e.sealed_url,
    e.secret, CASE WHEN e.previous_secret_until > clock_timestamp() THEN e.previous_secret END AS previous_secret,
    clock_timestamp() AS claimed_at, d.traceparent
