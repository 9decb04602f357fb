-- A bad morning: of the last run every table is held, by a check that failed.
SET session_replication_role = replica;
UPDATE refresh.refresh_task SET status = 'held', reason = 'checks', error = 'row_count: 1000 against 2000' WHERE run_id = md5('run0')::uuid;
UPDATE refresh.refresh_data_quality SET passed = false, outcome = 'hold' WHERE run_id = md5('run0')::uuid;
UPDATE refresh.refresh_last_task l SET status = t.status, reason = t.reason, error = t.error, held_checks = refresh.held_checks(t),
    held_scopes = (SELECT count(*) FROM refresh.held_scopes(t))
FROM refresh.refresh_task t WHERE (t.run_id, t.table_schema, t.table_name) = (l.run_id, l.table_schema, l.table_name) AND t.status = 'held';
SET session_replication_role = origin;
