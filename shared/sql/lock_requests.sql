-- One request for a run at a time, so that of two at once the second sees the first.
SELECT pg_advisory_xact_lock(hashtextextended('refresh.request_run', 0))
