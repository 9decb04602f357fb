-- A bad morning: of the last run every table is held, by a check that failed.
SET session_replication_role = replica;
UPDATE refresh.refresh_task SET status = 'held', reason = 'checks', error = 'row_count: 1000 against 2000' WHERE run_id = md5('run0')::uuid;
UPDATE refresh.refresh_data_quality SET passed = false, outcome = 'hold' WHERE run_id = md5('run0')::uuid;
SET session_replication_role = origin;
