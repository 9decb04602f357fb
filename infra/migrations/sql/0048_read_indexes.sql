-- What is looked for among much that is as it should be has an index of its own, and lists of one state have theirs.
CREATE INDEX refresh_task_not_verified ON refresh.refresh_task (table_schema, table_name, finished_at)
    WHERE mode = 'verify' AND status IN ('warning', 'failed');
CREATE INDEX refresh_run_listed ON refresh.refresh_run (created_at DESC, run_id);
CREATE INDEX refresh_run_listed_as ON refresh.refresh_run (status, created_at DESC, run_id);
DROP INDEX refresh.refresh_run_created;
CREATE INDEX refresh_data_quality_failed ON refresh.refresh_data_quality (check_id DESC) WHERE NOT passed;
CREATE INDEX webhook_delivery_failed ON refresh.webhook_delivery (endpoint_id, created_at DESC, delivery_id DESC)
    WHERE state = 'failed';
CREATE INDEX refresh_quarantine_table ON refresh.refresh_quarantine (table_schema, table_name, quarantine_id DESC);
DROP INDEX refresh.refresh_quarantine_newest;
