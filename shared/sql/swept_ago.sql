-- Seconds since the last sweep came to its end; no row before the first one.
SELECT round(extract(epoch FROM now() - beaten_at))::integer AS seconds FROM refresh.refresh_heartbeat WHERE name = 'sweep'
