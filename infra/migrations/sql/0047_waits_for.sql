-- What an open task waits for, and since when, in one place: for its publish group to be staged, or, before it has begun, for
-- inputs of the run that have not got far enough for it.

CREATE FUNCTION refresh.waits_for(task refresh.refresh_task) RETURNS text[] LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
SELECT nullif(CASE
    WHEN task.finished_at IS NOT NULL THEN NULL
    WHEN task.phase = 'staged' THEN ARRAY(
        SELECT m.table_schema || '.' || m.table_name FROM refresh.refresh_task m
        WHERE m.run_id = task.run_id AND m.publish_group = task.publish_group
            AND m.status IN ('queued', 'running') AND m.phase IN ('planning', 'loading')
        ORDER BY m.table_schema, m.table_name)
    WHEN task.status = 'queued' AND task.owed_at IS NULL AND task.mode <> 'verify' THEN ARRAY(
        SELECT i.table_schema || '.' || i.table_name
        FROM refresh.refresh_dependency d
        JOIN refresh.refresh_task i
            ON i.run_id = task.run_id AND (i.table_schema, i.table_name) = (d.depends_on_schema, d.depends_on_name)
        WHERE (d.table_schema, d.table_name) = (task.table_schema, task.table_name) AND i.mode = task.mode
            AND i.status IN ('queued', 'running')
            AND (i.publish_group IS DISTINCT FROM task.publish_group OR task.publish_group IS NULL OR i.phase IN ('planning', 'loading'))
        ORDER BY i.table_schema, i.table_name)
END, '{}')
$$;
COMMENT ON FUNCTION refresh.waits_for IS
    'The tables of its run that an open task waits for: those of its publish group that are not staged, or its inputs. NULL: none.';

CREATE FUNCTION refresh.waits_since(task refresh.refresh_task) RETURNS timestamptz LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN task.phase = 'staged' THEN coalesce((
    SELECT max(a.at) FROM refresh.refresh_audit_log a
    WHERE a.run_id = task.run_id AND (a.table_schema, a.table_name) = (task.table_schema, task.table_name) AND a.event = 'task_staged'
), task.started_at, task.created_at) ELSE task.created_at END
$$;
COMMENT ON FUNCTION refresh.waits_since IS 'When an open task began to wait: when it was staged, or, before it has begun, when it was made.';
