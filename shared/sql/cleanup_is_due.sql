-- Once an hour. Of two at once, cleanup itself lets one go first.
SELECT NOT EXISTS (
    SELECT FROM refresh.refresh_heartbeat WHERE name = 'cleanup' AND beaten_at > now() - interval '1 hour') AS due
