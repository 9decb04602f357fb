-- What the API needs: who made a change, indexes for its queries, and the figures of days that are over.

-- The API acts under one database user for many people, and says for whom.
CREATE FUNCTION refresh.actor() RETURNS jsonb LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN current_setting('refresh.actor', true) <> ''
    THEN jsonb_build_object('by', current_setting('refresh.actor', true), 'database_user', session_user)
    ELSE jsonb_build_object('by', session_user) END
$$;
COMMENT ON FUNCTION refresh.actor IS 'Who acts: the setting refresh.actor where a transaction has set it, else the database user.';

CREATE OR REPLACE FUNCTION refresh.audit_configuration() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry refresh.refresh_table_registry := coalesce(NEW, OLD);
    trail jsonb := refresh.actor() || jsonb_build_object('config_version', entry.config_version);
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        trail := trail || jsonb_build_object('configuration', refresh.configuration(entry));
    ELSIF refresh.configuration(NEW) = refresh.configuration(OLD) THEN
        RETURN NULL;
    ELSE
        trail := trail || jsonb_build_object('changed', (
            SELECT jsonb_object_agg(now.key, jsonb_build_object('old', before.value, 'new', now.value))
            FROM jsonb_each(refresh.configuration(NEW)) AS now
            JOIN jsonb_each(refresh.configuration(OLD)) AS before USING (key)
            WHERE now.value IS DISTINCT FROM before.value));
    END IF;
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES (entry.table_schema, entry.table_name, CASE TG_OP
        WHEN 'INSERT' THEN 'table_registered' WHEN 'DELETE' THEN 'table_unregistered' ELSE 'config_changed' END, trail);
    RETURN NULL;
END $$;

-- Dependencies are configuration: a change of them raises the version that editors compare.
CREATE OR REPLACE FUNCTION refresh.audit_dependency() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry refresh.refresh_dependency := coalesce(NEW, OLD);
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NULL;
    END IF;
    UPDATE refresh.refresh_table_registry r SET config_version = r.config_version + 1
    WHERE (r.table_schema, r.table_name) = (entry.table_schema, entry.table_name);
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES (entry.table_schema, entry.table_name, 'config_changed', refresh.actor() || jsonb_build_object('changed',
        jsonb_build_object('depends_on', jsonb_build_object(
            'old', OLD.depends_on_schema || '.' || OLD.depends_on_name || ' ' || OLD.kind,
            'new', NEW.depends_on_schema || '.' || NEW.depends_on_name || ' ' || NEW.kind))));
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION refresh.check_registration() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF refresh.configuration(NEW) = refresh.configuration(OLD) THEN
            -- Only a change of the dependencies, made by their trigger, raises the version from here.
            IF pg_trigger_depth() < 2 THEN
                NEW.config_version := OLD.config_version;
            END IF;
            RETURN NEW;
        END IF;
        NEW.config_version := OLD.config_version + 1;
        -- What no longer fits can still be switched off.
        IF NEW.mode = 'disabled' AND refresh.configuration(NEW) - 'mode' = refresh.configuration(OLD) - 'mode' THEN
            RETURN NEW;
        END IF;
    END IF;
    PERFORM refresh.check_values(NEW);
    PERFORM refresh.check_source(NEW);
    relation := refresh.check_target(NEW);
    IF NEW.handler IN ('asin', 'search_queries') THEN
        NEW.scope_column := coalesce(NEW.scope_column, 'period_start');
    END IF;
    -- A table with a primary key is never taken for one without a key, in which equal rows may stand twice.
    IF cardinality(NEW.key_columns) = 0 AND NEW.handler <> 'summaries' THEN
        NEW.key_columns := ARRAY(
            SELECT a.attname::text
            FROM pg_index i
            CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, position)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE i.indrelid = relation AND i.indisprimary
            ORDER BY k.position);
    END IF;
    PERFORM refresh.check_key(NEW, relation);
    PERFORM refresh.check_scope(NEW, relation);
    PERFORM refresh.check_columns(NEW, relation);
    RETURN NEW;
END $$;

-- History is paged over these alone; skipped pages never touch the table.
CREATE INDEX refresh_task_ended ON refresh.refresh_task (finished_at DESC, run_id, table_schema, table_name)
WHERE finished_at IS NOT NULL;
CREATE INDEX refresh_task_ended_as ON refresh.refresh_task (status, finished_at DESC, run_id, table_schema, table_name)
WHERE finished_at IS NOT NULL;
CREATE INDEX refresh_task_good ON refresh.refresh_task (table_schema, table_name, finished_at DESC)
WHERE status IN ('success', 'no_new_data', 'warning');
CREATE INDEX refresh_run_replay ON refresh.refresh_run (replay_of) WHERE replay_of IS NOT NULL;

CREATE INDEX refresh_audit_log_at ON refresh.refresh_audit_log (at DESC, audit_id DESC);
CREATE INDEX refresh_audit_log_event ON refresh.refresh_audit_log (event, at DESC, audit_id DESC);
CREATE INDEX refresh_audit_log_by ON refresh.refresh_audit_log ((details ->> 'by'), at DESC, audit_id DESC)
WHERE details ? 'by';

CREATE TABLE refresh.refresh_day (
    day date PRIMARY KEY,
    by_status jsonb NOT NULL,
    rows_read bigint NOT NULL,
    rows_inserted bigint NOT NULL,
    rows_updated bigint NOT NULL,
    rows_deleted bigint NOT NULL,
    rows_quarantined bigint NOT NULL,
    bytes_billed bigint NOT NULL,
    durations_ms integer[] NOT NULL
);
COMMENT ON TABLE refresh.refresh_day IS
    'Figures of the tasks that ended on a day (UTC) that is over: made when first asked for, gone when one of them changes.';
COMMENT ON COLUMN refresh.refresh_day.by_status IS 'JSON object, task status to number of tasks.';
COMMENT ON COLUMN refresh.refresh_day.durations_ms IS 'Of every task that was started, in ascending order.';

CREATE FUNCTION refresh.day_lock() RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN hashtextextended('refresh.refresh_day', 0);

-- A day counts as over an hour after its end: a transaction that ended a task before midnight has long been committed.
CREATE FUNCTION refresh.first_open_day() RETURNS date LANGUAGE sql STABLE
RETURN ((now() - interval '1 hour') AT TIME ZONE 'UTC')::date;

CREATE FUNCTION refresh.roll_up_days(since timestamptz, OUT covered_from timestamptz, OUT covered_until timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first_day date;
    open_day date := refresh.first_open_day();
BEGIN
    SELECT min(finished_at)::date INTO first_day FROM refresh.refresh_task WHERE finished_at IS NOT NULL;
    first_day := least(open_day, greatest(first_day,
        (since + interval '1 day' - interval '1 microsecond')::date));
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
    INSERT INTO refresh.refresh_day
    SELECT d::date,
        coalesce((SELECT jsonb_object_agg(s.status, s.tasks) FROM (
            SELECT t.status, count(*) AS tasks FROM refresh.refresh_task t
            WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day' GROUP BY t.status) s), '{}'),
        sums.*
    FROM generate_series(covered_from, open_day - 1, interval '1 day') AS d
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(t.rows_read), 0), coalesce(sum(t.rows_inserted), 0), coalesce(sum(t.rows_updated), 0),
            coalesce(sum(t.rows_deleted), 0), coalesce(sum(t.rows_quarantined), 0), coalesce(sum(t.bytes_billed), 0),
            coalesce(array_agg(refresh.duration_ms(t.started_at, t.finished_at)
                ORDER BY refresh.duration_ms(t.started_at, t.finished_at)) FILTER (WHERE t.started_at IS NOT NULL), '{}')
        FROM refresh.refresh_task t
        WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day'
    ) sums
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_day r WHERE r.day = d::date)
    ON CONFLICT (day) DO NOTHING;
END $$;
COMMENT ON FUNCTION refresh.roll_up_days IS
    'Fills refresh_day for whole days from `since` on (NULL: from the first task), and returns the span that it covers.';

CREATE FUNCTION refresh.duration_ms(started_at timestamptz, finished_at timestamptz) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN least(extract(epoch FROM finished_at - started_at) * 1000, 2147483647)::integer;

CREATE FUNCTION refresh.forget_days() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    days date[];
BEGIN
    SELECT array_agg(DISTINCT finished_at::date) INTO days FROM changed WHERE finished_at < refresh.first_open_day();
    IF days IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared(refresh.day_lock());
        DELETE FROM refresh.refresh_day WHERE day = ANY (days);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_days_inserted AFTER INSERT ON refresh.refresh_task
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_days();
CREATE TRIGGER forget_days_updated AFTER UPDATE ON refresh.refresh_task
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_days();
CREATE TRIGGER forget_days_deleted AFTER DELETE ON refresh.refresh_task
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_days();
