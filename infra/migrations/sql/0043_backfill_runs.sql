-- The runs of a backfill are found by its id: what they billed together is what it costs.

CREATE INDEX refresh_run_backfill ON refresh.refresh_run ((request -> 'backfill' ->> 'id')) WHERE request ? 'backfill';
