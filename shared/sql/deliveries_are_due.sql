-- Whether the notifier should be woken: something is due that nobody is sending.
SELECT EXISTS (
    SELECT FROM refresh.webhook_endpoint e
    JOIN refresh.webhook_delivery d USING (endpoint_id)
    WHERE e.state = 'enabled' AND coalesce(e.paused_until, '-infinity') <= clock_timestamp()
        AND d.state = 'pending' AND d.next_attempt_at <= clock_timestamp()
        AND coalesce(d.lease_until, '-infinity') <= clock_timestamp()
) AS due
