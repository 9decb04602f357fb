-- The last time that something was done completely.
INSERT INTO refresh.refresh_heartbeat AS h (name, beaten_at) VALUES (:name, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET beaten_at = greatest(h.beaten_at, excluded.beaten_at)
