-- One reservation at a time: two at once would both find the same bytes left of the day.
SELECT pg_advisory_xact_lock(hashtextextended('refresh.refresh_job_cost', 0))
