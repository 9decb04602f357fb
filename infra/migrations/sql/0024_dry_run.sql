-- Runs that publish nothing. A task's mode says how far it goes and is fixed when its run is planned, so that a change of
-- the registry meanwhile makes no run publish that was not to.

ALTER TABLE refresh.refresh_task
    ADD COLUMN mode text NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'shadow', 'dry_run', 'plan'));
COMMENT ON COLUMN refresh.refresh_task.mode IS
    'How far the task goes: plan finds what changed, dry_run reports what a publish would do, live publishes.';

CREATE FUNCTION refresh.mode_allows(table_mode text, run_mode text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(array_position(ARRAY['plan', 'dry_run', 'shadow', 'live'], run_mode)
    <= array_position(ARRAY['plan', 'dry_run', 'shadow', 'live'], table_mode), false);
COMMENT ON FUNCTION refresh.mode_allows IS
    'Whether a run of that mode may be made of a table of that mode: it may go less far, never further.';

CREATE TABLE refresh.refresh_diff (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    scope text,
    action text NOT NULL CHECK (action IN ('changed', 'vanished', 'held', 'superseded')),
    slice_no integer,
    rows bigint NOT NULL,
    rows_published bigint NOT NULL,
    rows_inserted bigint,
    rows_updated bigint,
    rows_deleted bigint,
    columns jsonb NOT NULL DEFAULT '{}',
    samples jsonb NOT NULL DEFAULT '{}',
    UNIQUE NULLS NOT DISTINCT (run_id, table_schema, table_name, scope),
    FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task ON DELETE CASCADE
);
COMMENT ON TABLE refresh.refresh_diff IS
    'What a publish would do to one scope value, found by a dry run; by a plan without the rows that it would write.';
COMMENT ON COLUMN refresh.refresh_diff.rows_inserted IS
    'Rows that would be inserted; NULL for a plan, and for a scope that would be left alone. So are rows_updated, rows_deleted.';
COMMENT ON COLUMN refresh.refresh_diff.columns IS 'JSON object, column to the number of rows in which it would be changed.';
COMMENT ON COLUMN refresh.refresh_diff.samples IS
    'JSON object with keys of some rows that would be inserted, updated and deleted; of updated ones also the columns.';
GRANT INSERT, DELETE ON refresh.refresh_diff TO refresh_loader;

CREATE FUNCTION refresh.cleanup_reports(report_days integer DEFAULT 90, batch_rows integer DEFAULT 100000, as_of timestamptz DEFAULT now())
RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    IF report_days < 1 OR batch_rows < 1 OR report_days IS NULL OR batch_rows IS NULL THEN
        RAISE EXCEPTION 'cleanup_reports: report_days and batch_rows must be at least 1' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM refresh.refresh_diff WHERE ctid = ANY (ARRAY(
        SELECT d.ctid FROM refresh.refresh_diff d JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
        WHERE t.finished_at < as_of - make_interval(days => report_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN jsonb_build_object('diffs', n);
END $$;
COMMENT ON FUNCTION refresh.cleanup_reports IS
    'Removes old reports of dry runs and plans, at most batch_rows; returns counts. Called with refresh.cleanup.';
REVOKE EXECUTE ON FUNCTION refresh.cleanup_reports FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.cleanup_reports TO refresh_loader;

-- Events are about what dashboards read: a run that does not publish there has none.
CREATE OR REPLACE FUNCTION refresh.announce_task_end() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
DECLARE
    before text;
    kind text;
BEGIN
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'table_finished', 'run_id', NEW.run_id,
        'table', NEW.table_schema || '.' || NEW.table_name));
    IF NEW.mode <> 'live' THEN
        RETURN NULL;
    END IF;
    SELECT t.status INTO before FROM refresh.refresh_task t
    WHERE t.table_schema = NEW.table_schema AND t.table_name = NEW.table_name AND t.run_id <> NEW.run_id AND t.mode = 'live'
        AND t.status IN ('success', 'no_new_data', 'warning', 'held', 'failed')
    ORDER BY t.finished_at DESC LIMIT 1;
    kind := CASE NEW.status
        WHEN 'failed' THEN 'refresh.failed'
        WHEN 'held' THEN 'refresh.held'
        WHEN 'warning' THEN 'refresh.warning'
        WHEN 'skipped' THEN 'refresh.warning'
        ELSE CASE WHEN before IN ('failed', 'held') THEN 'refresh.recovered' ELSE 'refresh.completed' END
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

DROP FUNCTION refresh.request_run;
CREATE FUNCTION refresh.request_run(
    tables text[] DEFAULT NULL, force boolean DEFAULT false, requested_by text DEFAULT current_user,
    idempotency_key text DEFAULT NULL, mode text DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql
SET search_path = pg_catalog AS $$
DECLARE
    the_run uuid := gen_random_uuid();
    missing text;
BEGIN
    IF mode NOT IN ('live', 'shadow', 'dry_run', 'plan') THEN
        RAISE EXCEPTION 'mode is %', mode USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Set mode to live, shadow, dry_run or plan, or leave it out: each table is then refreshed as it is registered.';
    END IF;
    SELECT string_agg(wanted, ', ') INTO missing FROM unnest(tables) AS wanted
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_table_registry r WHERE r.table_schema || '.' || r.table_name = wanted);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'not registered: %', missing
            USING ERRCODE = 'undefined_table', HINT = 'Register the table first, or name it as schema.table.';
    END IF;
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key)
    VALUES (the_run, 'manual', requested_by,
        jsonb_strip_nulls(jsonb_build_object('tables', to_jsonb(tables), 'force', force, 'mode', mode)),
        coalesce(idempotency_key, 'manual:' || the_run));
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', the_run));
    RETURN the_run;
END $$;
COMMENT ON FUNCTION refresh.request_run IS
    'Asks for a manual run of the named tables (schema.table), or of all that are enabled. mode: live, shadow, dry_run or plan instead of what each is registered with; never further. Returns the run id.';

CREATE OR REPLACE FUNCTION refresh.check_values(entry refresh.refresh_table_registry) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong record;
BEGIN
    FOR wrong IN
        SELECT * FROM (VALUES
            ('handler', entry.handler, entry.handler IN ('asin', 'search_queries', 'summaries', 'generic'),
                'asin, search_queries, summaries or generic'),
            ('strategy', entry.strategy, entry.strategy IN ('merge', 'append', 'replace'), 'merge, append or replace'),
            ('mode', entry.mode, entry.mode IN ('live', 'shadow', 'dry_run', 'disabled'), 'live, dry_run or disabled'),
            ('priority', entry.priority::text, entry.priority BETWEEN 0 AND 1000, 'from 0 (first) to 1000'),
            ('frequency_hours', entry.frequency_hours::text, entry.frequency_hours BETWEEN 1 AND 168, 'from 1 to 168'),
            ('lookback', entry.lookback::text, entry.lookback > 0, 'a number of days above 0, or NULL to scan everything'),
            ('slice_target_rows', entry.slice_target_rows::text, entry.slice_target_rows BETWEEN 1 AND 100000000,
                'from 1 to 100000000'),
            ('parallelism', entry.parallelism::text, entry.parallelism BETWEEN 1 AND 32, 'from 1 to 32'),
            ('max_bytes_billed', entry.max_bytes_billed::text, entry.max_bytes_billed > 0,
                'a number of bytes above 0, or NULL for no cap'),
            ('scope_bucket', entry.scope_bucket, entry.scope_bucket ~ '^(day|week|month|hash:[1-9][0-9]{0,3})$',
                'day, week, month, hash:N with N from 1 to 9999, or NULL'),
            ('column_map', entry.column_map::text, jsonb_typeof(entry.column_map) = 'object',
                'a JSON object from source column to target column'),
            ('checks', entry.checks::text, jsonb_typeof(entry.checks) = 'object', 'a JSON object'),
            ('nul_policies', entry.nul_policies::text, jsonb_typeof(entry.nul_policies) = 'object',
                'a JSON object from target column to strip, reject or quarantine')
        ) AS rule (field, value, fits, allowed) WHERE fits IS FALSE
    LOOP
        PERFORM refresh.refuse_registration(entry, wrong.field, format('is %s', wrong.value),
            format('Set %s to %s.', wrong.field, wrong.allowed));
    END LOOP;
    IF entry.mode = 'shadow' THEN
        PERFORM refresh.refuse_registration(entry, 'mode', 'shadow is not available yet', 'Set mode to live, dry_run or disabled.');
    ELSIF entry.mode = 'dry_run' AND entry.handler = 'summaries' THEN
        PERFORM refresh.refuse_registration(entry, 'mode', 'dry_run is for tables, and this is a materialized view',
            'Set mode to live or disabled.');
    END IF;
    FOR wrong IN
        SELECT name, value FROM jsonb_each(entry.checks) AS given (name, value)
        WHERE CASE
            WHEN name NOT IN ('table_min_ratio', 'scope_min_ratio', 'scope_history') THEN false
            WHEN jsonb_typeof(value) <> 'number' THEN true
            WHEN name = 'scope_history' THEN value::numeric < 1 OR value::numeric % 1 <> 0
            ELSE value::numeric NOT BETWEEN 0 AND 1
        END
    LOOP
        PERFORM refresh.refuse_registration(entry, 'checks', format('has %s = %s', wrong.name, wrong.value),
            format('Set %s to a number %s.', wrong.name,
                CASE wrong.name WHEN 'scope_history' THEN 'from 1, without decimals' ELSE 'from 0 to 1' END));
    END LOOP;
END $$;

-- Figures of a day are of live refreshes; only what was billed is of all.
ALTER TABLE refresh.refresh_day ADD COLUMN by_status_not_live jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN refresh.refresh_day.by_status IS 'JSON object, status to number of live tasks; by_status_not_live: of the others.';

CREATE OR REPLACE FUNCTION refresh.roll_up_days(since timestamptz, OUT covered_from timestamptz, OUT covered_until timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first_day date;
    open_day date := refresh.first_open_day();
BEGIN
    SELECT min(finished_at)::date INTO first_day FROM refresh.refresh_task WHERE finished_at IS NOT NULL;
    first_day := least(open_day, greatest(first_day, (since + interval '1 day' - interval '1 microsecond')::date));
    covered_from := coalesce(first_day, open_day);
    covered_until := open_day;
    IF NOT EXISTS (
        SELECT FROM generate_series(covered_from, open_day - 1, interval '1 day') AS d
        WHERE NOT EXISTS (SELECT FROM refresh.refresh_day r WHERE r.day = d::date)
    ) THEN
        RETURN;
    END IF;
    -- While somebody writes tasks of days that are over, these are counted where they stand.
    IF NOT pg_try_advisory_xact_lock(refresh.day_lock()) THEN
        covered_until := covered_from;
        RETURN;
    END IF;
    INSERT INTO refresh.refresh_day (day, by_status, by_status_not_live, rows_read, rows_inserted, rows_updated, rows_deleted, rows_quarantined,
        bytes_billed, durations, p50_ms, p95_ms, quantiles_ms)
    SELECT d::date,
        coalesce((SELECT jsonb_object_agg(s.status, s.tasks) FROM (
            SELECT t.status, count(*) AS tasks FROM refresh.refresh_task t
            WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day' AND t.mode = 'live' GROUP BY t.status) s), '{}'),
        coalesce((SELECT jsonb_object_agg(s.status, s.tasks) FROM (
            SELECT t.status, count(*) AS tasks FROM refresh.refresh_task t
            WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day' AND t.mode <> 'live' GROUP BY t.status) s), '{}'),
        sums.rows_read, sums.rows_inserted, sums.rows_updated, sums.rows_deleted, sums.rows_quarantined, sums.bytes_billed,
        cardinality(sums.ascending), sums.ascending[ceil(cardinality(sums.ascending) * 0.50)::integer],
        sums.ascending[ceil(cardinality(sums.ascending) * 0.95)::integer], refresh.quantiles(sums.ascending)
    FROM generate_series(covered_from, open_day - 1, interval '1 day') AS d
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(t.rows_read) FILTER (WHERE t.mode = 'live'), 0) AS rows_read,
            coalesce(sum(t.rows_inserted) FILTER (WHERE t.mode = 'live'), 0) AS rows_inserted,
            coalesce(sum(t.rows_updated) FILTER (WHERE t.mode = 'live'), 0) AS rows_updated,
            coalesce(sum(t.rows_deleted) FILTER (WHERE t.mode = 'live'), 0) AS rows_deleted,
            coalesce(sum(t.rows_quarantined) FILTER (WHERE t.mode = 'live'), 0) AS rows_quarantined,
            coalesce(sum(t.bytes_billed), 0) AS bytes_billed,
            coalesce(array_agg(refresh.duration_ms(t.started_at, t.finished_at)
                ORDER BY refresh.duration_ms(t.started_at, t.finished_at)) FILTER (WHERE t.started_at IS NOT NULL AND t.mode = 'live'), '{}')
                AS ascending
        FROM refresh.refresh_task t
        WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day'
    ) sums
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_day r WHERE r.day = d::date)
    ON CONFLICT (day) DO NOTHING;
END $$;
