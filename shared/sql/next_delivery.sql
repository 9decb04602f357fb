-- Seconds until something can be claimed, below 0 if it could already; no row when nothing waits that is to be waited for.
SELECT CAST(extract(epoch FROM min(greatest(d.next_attempt_at, e.paused_until, d.lease_until)) - clock_timestamp())
    AS double precision) AS seconds
FROM refresh.webhook_endpoint e
JOIN refresh.webhook_delivery d USING (endpoint_id)
WHERE e.state = 'enabled' AND d.state = 'pending'
    AND (SELECT count(*) FROM refresh.webhook_delivery l
        WHERE l.endpoint_id = e.endpoint_id AND l.state = 'pending' AND l.lease_until > clock_timestamp())
        < CASE WHEN e.kind = 'slack' OR e.failing_since IS NOT NULL THEN 1 ELSE CAST(:per_endpoint AS bigint) END
HAVING min(d.next_attempt_at) IS NOT NULL
