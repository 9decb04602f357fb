-- Since when nothing succeeds, and how long the receiver wants to be left alone.
UPDATE refresh.webhook_endpoint
SET failing_since = coalesce(failing_since, clock_timestamp()),
    paused_until = CASE WHEN CAST(:pause AS double precision) > 0
        THEN greatest(paused_until, clock_timestamp() + make_interval(secs => :pause)) ELSE paused_until END
WHERE endpoint_id = :endpoint_id
RETURNING failing_since <= clock_timestamp() - make_interval(secs => :give_up_seconds) AS given_up
