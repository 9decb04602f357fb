-- A backfill brings a range, and refreshes nothing: after a refresh that failed the table has not recovered by one, nor does it fail by one.

CREATE OR REPLACE FUNCTION refresh.announce_task_end() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
DECLARE
    before text;
    is_backfill boolean := EXISTS (SELECT FROM refresh.refresh_run r WHERE r.run_id = NEW.run_id AND r.request ? 'backfill');
    kind text;
BEGIN
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'table_finished', 'run_id', NEW.run_id,
        'table', NEW.table_schema || '.' || NEW.table_name));
    IF NEW.mode <> 'live' THEN
        RETURN NULL;
    END IF;
    SELECT t.status INTO before FROM refresh.refresh_task t JOIN refresh.refresh_run r USING (run_id)
    WHERE t.table_schema = NEW.table_schema AND t.table_name = NEW.table_name AND t.run_id <> NEW.run_id AND t.mode = 'live'
        AND t.status IN ('success', 'no_new_data', 'warning', 'held', 'failed') AND r.request -> 'backfill' IS NULL
    ORDER BY t.finished_at DESC LIMIT 1;
    kind := CASE NEW.status
        WHEN 'failed' THEN 'refresh.failed'
        WHEN 'held' THEN 'refresh.held'
        WHEN 'warning' THEN 'refresh.warning'
        WHEN 'skipped' THEN 'refresh.warning'
        ELSE CASE WHEN before IN ('failed', 'held') AND NOT is_backfill THEN 'refresh.recovered' ELSE 'refresh.completed' END
    END;
    INSERT INTO refresh.refresh_outbox (topic, payload) VALUES
        ('refresh-events', jsonb_build_object(
            'id', gen_random_uuid(), 'type', kind,
            'occurred_at', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'run_id', NEW.run_id, 'table', NEW.table_schema || '.' || NEW.table_name,
            'data', jsonb_build_object('outcome', NEW.status, 'reason', NEW.reason, 'error', NEW.error,
                'rows_read', NEW.rows_read, 'rows_inserted', NEW.rows_inserted, 'rows_updated', NEW.rows_updated,
                'rows_deleted', NEW.rows_deleted, 'rows_quarantined', NEW.rows_quarantined,
                'duration_ms', (extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000)::bigint)));
    RETURN NULL;
END $$;

