-- The secret of now signs along until the overlap is over; with none it is forgotten at once.
UPDATE refresh.webhook_endpoint
SET previous_secret = CASE WHEN CAST(:overlap_seconds AS double precision) > 0 THEN secret END,
    previous_secret_until = CASE WHEN CAST(:overlap_seconds AS double precision) > 0
        THEN clock_timestamp() + make_interval(secs => :overlap_seconds) END,
    secret = CAST(:secret AS bytea), version = version + 1, updated_at = clock_timestamp()
WHERE endpoint_id = :endpoint_id
RETURNING previous_secret_until
