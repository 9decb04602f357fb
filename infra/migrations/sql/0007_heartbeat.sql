-- What runs by itself leaves the time of its last success here, so that its absence can be seen.
CREATE TABLE refresh.refresh_heartbeat (
    name text PRIMARY KEY CHECK (name IN ('sweep', 'cleanup')),
    beaten_at timestamptz NOT NULL
);
COMMENT ON TABLE refresh.refresh_heartbeat IS 'When the sweep, and its hourly cleanup, last ran to their end.';
