-- A run that reads anew what has rows in quarantine; an error with SQLSTATE RF… says why there is none.
SELECT refresh.replay_quarantine(CAST(:table AS text), CAST(:requested_by AS text), CAST(:idempotency_key AS text),
    CAST(:request_hash AS text)) AS run_id
