-- What has not begun, or has not ended, has no duration: least() passes over NULL, and made the greatest one of it.

CREATE OR REPLACE FUNCTION refresh.duration_ms(started_at timestamptz, finished_at timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN started_at IS NOT NULL AND finished_at IS NOT NULL
    THEN least(extract(epoch FROM finished_at - started_at) * 1000, 2147483647)::integer
END;
