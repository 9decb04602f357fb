-- The secret of now signs along until the overlap is over; with none it is forgotten at once.
UPDATE refresh.webhook_endpoint
SET previous_secret = CAST(:previous AS bytea),
    previous_secret_until = CASE WHEN CAST(:previous AS bytea) IS NOT NULL
        THEN clock_timestamp() + make_interval(secs => CAST(:overlap_seconds AS double precision)) END,
    secret = CAST(:secret AS bytea), sealed_url = coalesce(CAST(:sealed_url AS bytea), sealed_url),
    version = version + 1, updated_at = clock_timestamp()
WHERE endpoint_id = :endpoint_id
RETURNING previous_secret_until
