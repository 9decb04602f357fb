-- 1,000 tables, refreshed every day of a year: 365,000 tasks, each with an end in the audit log; most days one fails.
SET session_replication_role = replica;

CREATE SCHEMA bench;
DO $$ BEGIN
    FOR i IN 1..1000 LOOP
        EXECUTE format('CREATE TABLE bench.%I (id bigint PRIMARY KEY, value text)', 'table_' || to_char(i, 'FM0000'));
    END LOOP;
END $$;

INSERT INTO refresh.refresh_table_registry (table_schema, table_name, handler, source, key_columns, last_refreshed_at,
    next_refresh_at, scanned_snapshot_at)
SELECT 'bench', 'table_' || to_char(i, 'FM0000'), 'generic', 'p.d.t' || i, '{id}', now() - interval '2 hours',
    now() + interval '22 hours', now() - interval '2 hours'
FROM generate_series(1, 1000) AS i;

INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, idempotency_key, scheduled_for, snapshot_at, status,
    created_at, planned_at, finished_at)
SELECT md5('run' || d)::uuid, 'schedule', 'schedule', 'bench:' || d, at, at, 'success', at, at, at + interval '10 minutes'
FROM generate_series(0, 364) AS d CROSS JOIN LATERAL (SELECT now() - make_interval(days => d, hours => 2)) AS moment (at);

INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, status, phase, rows_read, rows_staged,
    rows_inserted, bytes_billed, reason, created_at, started_at, finished_at)
SELECT md5('run' || d)::uuid, 'bench', 'table_' || to_char(i, 'FM0000'), 'generic', 100,
    CASE WHEN i = 1 + d % 1000 THEN 'failed' WHEN i % 7 = d % 7 THEN 'success' ELSE 'no_new_data' END, 'publishing', 1000, 1000,
    1000, 10485760, CASE WHEN i = 1 + d % 1000 THEN 'bench' END, at, at,
    at + make_interval(secs => 1 + (i * 37 + d * 101) % 1000 / 100.0)
FROM generate_series(0, 364) AS d
CROSS JOIN LATERAL (SELECT now() - make_interval(days => d, hours => 2)) AS moment (at)
CROSS JOIN generate_series(1, 1000) AS i;

INSERT INTO refresh.refresh_audit_log (at, run_id, table_schema, table_name, event, status, details)
SELECT t.finished_at, t.run_id, t.table_schema, t.table_name, 'task_' || t.status, t.status, '{"phase": "publishing"}'
FROM refresh.refresh_task t WHERE t.table_schema = 'bench';
INSERT INTO refresh.refresh_audit_log (at, table_schema, table_name, event, details)
SELECT now() - make_interval(hours => 8 * i), 'bench', 'table_' || to_char(i, 'FM0000'), 'config_changed', '{"by": "ann@example.com"}'
FROM generate_series(1, 1000) AS i;

-- What the last run left of its slices.
INSERT INTO refresh.refresh_checkpoint (run_id, table_schema, table_name, slice_no, scope_values, status, rows_expected,
    source_rows_expected, rows_received, rows_read, rows_staged, started_at, finished_at)
SELECT run_id, table_schema, table_name, 0, '{2025-01-05}', 'done', 1000, 1000, 1000, 1000, 1000, started_at, finished_at
FROM refresh.refresh_task WHERE run_id = md5('run0')::uuid;

SET session_replication_role = origin;
