-- For a daily trigger that was given up, with its instant fixed; a day later the next one has taken its place.
INSERT INTO refresh.refresh_outbox (topic, payload)
SELECT 'refresh-schedule', jsonb_build_object('version', 1, 'kind', 'daily', 'scheduled_for', CAST(:scheduled_for_text AS text))
WHERE :scheduled_for > now() - interval '1 day'
RETURNING outbox_id
