-- A year of tables that are refreshed every day: a task each, with its end in the audit log, its check and its price; most days one fails.
-- Every week all are verified, and somebody asks for a refresh sixty times a day. What is kept for less than a year is there for
-- as long as it is kept. How many tables: bench.tables.
SET session_replication_role = replica;
CREATE TEMPORARY TABLE number AS SELECT i, 'table_' || to_char(i, 'FM0000') AS name
FROM generate_series(1, current_setting('bench.tables')::integer) AS i;
CREATE TEMPORARY TABLE day AS SELECT d, now() - make_interval(days => d, hours => 2) AS at, md5('run' || d)::uuid AS run_id
FROM generate_series(0, 364) AS d;
ANALYZE number, day;

CREATE SCHEMA bench;
DO $$ BEGIN
    FOR i IN 1..current_setting('bench.tables')::integer LOOP
        EXECUTE format('CREATE TABLE bench.%I (id bigint PRIMARY KEY, value text)', 'table_' || to_char(i, 'FM0000'));
    END LOOP;
    FOR months IN REVERSE 12..0 LOOP
        PERFORM refresh.add_audit_month((date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => months))::date);
    END LOOP;
END $$;

INSERT INTO refresh.refresh_table_registry (table_schema, table_name, handler, source, key_columns, last_refreshed_at,
    next_refresh_at, scanned_snapshot_at)
SELECT 'bench', name, 'generic', 'p.d.t' || i, '{id}', now() - interval '2 hours', now() + interval '22 hours', now() - interval '2 hours'
FROM number;

-- The daily runs, one verification a week, and sixty runs of one table a day.
INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, idempotency_key, scheduled_for, snapshot_at, status,
    created_at, planned_at, finished_at)
SELECT run_id, 'schedule', 'schedule', 'bench:' || d, at, at, 'success', at, at, at + interval '10 minutes' FROM day
UNION ALL
SELECT md5('verify' || d)::uuid, 'schedule', 'schedule', 'verify:' || d, at, at, 'success', at, at, at + interval '10 minutes'
FROM day WHERE d % 7 = 3
UNION ALL
SELECT md5('manual' || d || '.' || i)::uuid, 'manual', 'ann@example.com', 'manual:' || d || '.' || i, NULL, at, 'success', at, at, at
FROM day CROSS JOIN generate_series(1, 60) AS i;

INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, status, phase, rows_read, rows_staged,
    rows_inserted, bytes_billed, reason, created_at, started_at, finished_at)
SELECT run_id, 'bench', name, 'generic', 100,
    CASE WHEN i = 1 + d % current_setting('bench.tables')::integer THEN 'failed' WHEN i % 7 = d % 7 THEN 'success' ELSE 'no_new_data' END,
    'publishing', 1000, 1000, 1000, 10485760, CASE WHEN i = 1 + d % current_setting('bench.tables')::integer THEN 'bench' END, at, at,
    at + make_interval(secs => 1 + (i * 37 + d * 101) % 1000 / 100.0)
FROM day CROSS JOIN number;
INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, mode, status, phase, reason, created_at,
    started_at, finished_at)
SELECT md5('verify' || d)::uuid, 'bench', name, 'generic', 100, 'verify', CASE WHEN i = d THEN 'warning' ELSE 'success' END, 'publishing',
    CASE WHEN i = d THEN 'not_equal' END, at, at, at + interval '1 minute'
FROM day CROSS JOIN number WHERE d % 7 = 3;
INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, status, phase, rows_read, rows_staged,
    rows_unchanged, bytes_billed, created_at, started_at, finished_at)
SELECT md5('manual' || d || '.' || i)::uuid, 'bench', name, 'generic', 100, 'success', 'publishing', 1000, 1000, 1000, 10485760, at, at,
    at + interval '5 seconds'
FROM day CROSS JOIN number WHERE i <= 60;
INSERT INTO refresh.refresh_last_task (run_id, table_schema, table_name, mode, status, reason, error, finished_at, held_scopes)
SELECT DISTINCT ON (table_schema, table_name, mode) run_id, table_schema, table_name, mode, status, reason, error, finished_at, 0
FROM refresh.refresh_task ORDER BY table_schema, table_name, mode, finished_at DESC;

INSERT INTO refresh.refresh_audit_log (at, run_id, table_schema, table_name, event, status, details)
SELECT t.finished_at, t.run_id, t.table_schema, t.table_name, 'task_' || t.status, t.status, '{"phase": "publishing"}'
FROM refresh.refresh_task t WHERE t.table_schema = 'bench';
INSERT INTO refresh.refresh_audit_log (at, table_schema, table_name, event, details)
SELECT now() - make_interval(hours => 8 * i), 'bench', 'table_' || to_char(1 + i % current_setting('bench.tables')::integer, 'FM0000'),
    'config_changed', '{"by": "ann@example.com"}'
FROM generate_series(1, 1000) AS i;

-- For as long as its task is kept: what was published, what each job billed; a check's outcome.
INSERT INTO refresh.refresh_publish (run_id, table_schema, table_name, published_at, was_empty, rows_inserted, rows_updated, rows_deleted,
    key_columns, expired_at)
SELECT run_id, table_schema, table_name, finished_at, false, rows_inserted, 0, 0, '{}', CASE WHEN d >= 49 THEN finished_at END
FROM refresh.refresh_task JOIN day USING (run_id) WHERE status = 'success';
INSERT INTO refresh.refresh_publish_scope (publish_id, scope, fingerprint, was_published)
SELECT publish_id, to_char(published_at, 'YYYY-MM'), 'fingerprint', false FROM refresh.refresh_publish WHERE expired_at IS NULL;
INSERT INTO refresh.refresh_job_cost (job_id, run_id, table_schema, table_name, step, bytes_reserved, bytes_billed, usd, started_at, settled_at)
SELECT md5(run_id || table_name), run_id, table_schema, table_name, 'profile', 0, bytes_billed, 0.00006, started_at, finished_at
FROM refresh.refresh_task WHERE bytes_billed > 0;
INSERT INTO refresh.refresh_data_quality (run_id, table_schema, table_name, metric, value, threshold, passed, checked_at)
SELECT run_id, table_schema, table_name, CASE mode WHEN 'verify' THEN 'verified_table' ELSE 'row_count' END, 1000, 900,
    status <> 'warning', finished_at
FROM refresh.refresh_task ORDER BY finished_at;

-- The contents of now: a year by weeks, a few of which were refused before.
INSERT INTO refresh.refresh_partition_state (table_schema, table_name, scope, fingerprint, definition_hash, snapshot_at, rows, run_id,
    refused_fingerprint, refused_at)
SELECT 'bench', name, to_char(now() - make_interval(weeks => week), 'YYYY-MM-DD'), 'fingerprint', 'hash', now(), 1000, md5('run0')::uuid,
    CASE WHEN i % 100 = 0 AND week = 9 THEN 'refused' END, CASE WHEN i % 100 = 0 AND week = 9 THEN now() - interval '60 days' END
FROM number CROSS JOIN generate_series(0, 51) AS week;

-- Two weeks of slices and scopes, three months of quarantine and dead letters, a month of deliveries, a week of messages.
INSERT INTO refresh.refresh_checkpoint (run_id, table_schema, table_name, slice_no, scope_values, status, rows_expected,
    source_rows_expected, rows_received, rows_read, rows_staged, started_at, finished_at)
SELECT run_id, table_schema, table_name, 0, '{2025-01-05}', 'done', 1000, 1000, 1000, 1000, 1000, started_at, finished_at
FROM refresh.refresh_task JOIN day USING (run_id) WHERE d < 14;
INSERT INTO refresh.refresh_task_scope (run_id, table_schema, table_name, scope, action, rows, slice_no)
SELECT run_id, table_schema, table_name, to_char(now() - make_interval(weeks => week), 'YYYY-MM-DD'), 'changed', 1000, 0
FROM refresh.refresh_task JOIN day USING (run_id) CROSS JOIN generate_series(0, 3) AS week WHERE d < 14;
INSERT INTO refresh.refresh_quarantine (run_id, table_schema, table_name, slice_no, reason, column_name, source_row, quarantined_at)
SELECT run_id, 'bench', name, 0, 'out_of_range', 'value', '{"id": 1, "value": "x"}', at FROM day CROSS JOIN number WHERE d < 90 AND i % 10 = d % 10;
INSERT INTO refresh.refresh_dead_letter (message_id, topic, reason, payload, received_at)
SELECT 'bench' || d || '.' || i, 'refresh-generic', 'bench', '{}', at FROM day CROSS JOIN generate_series(1, 20) AS i WHERE d < 90;
INSERT INTO refresh.webhook_endpoint (endpoint_id, url, secret) SELECT md5('endpoint' || i)::uuid, 'https://example.com/' || i, '\x00'
FROM generate_series(1, 3) AS i;
INSERT INTO refresh.webhook_delivery (endpoint_id, event_id, payload, attempt, response_status, state, created_at, duration_ms, last_attempt_at)
SELECT md5('endpoint' || e)::uuid, md5(run_id || name)::uuid, jsonb_build_object('type', 'refresh.completed', 'table', 'bench.' || name), 1,
    CASE WHEN i = d THEN 500 ELSE 200 END, CASE WHEN i = d THEN 'failed' ELSE 'delivered' END, at + make_interval(secs => i), 80, at
FROM day CROSS JOIN number CROSS JOIN generate_series(1, 3) AS e WHERE d < 30;
INSERT INTO refresh.refresh_outbox (topic, payload, created_at, published_at)
SELECT topic, '{"version": 1}', at, at FROM day CROSS JOIN number CROSS JOIN unnest('{refresh-generic,refresh-schedule,refresh-events}'::text[]) AS topic
WHERE d < 7;

SET session_replication_role = origin;
DROP TABLE number, day;
