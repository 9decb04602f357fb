-- What is kept, and for how long. Runs, tasks and what is published are kept for good.

CREATE INDEX refresh_data_quality_checked ON refresh.refresh_data_quality (checked_at);
CREATE INDEX refresh_quarantine_quarantined ON refresh.refresh_quarantine (quarantined_at);
CREATE INDEX refresh_dead_letter_received ON refresh.refresh_dead_letter (received_at);

-- Triggers on rows are handed on to the partitions, those on TRUNCATE are not.
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.refresh_audit_log_rest
FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change();

-- Attaching locks only the default partition, while CREATE TABLE … PARTITION OF would lock the whole log.
CREATE FUNCTION refresh.add_audit_month(month date) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    name text := 'refresh_audit_log_' || to_char(month, 'YYYY_MM');
BEGIN
    IF to_regclass('refresh.' || name) IS NOT NULL OR EXISTS (
        SELECT FROM refresh.refresh_audit_log_rest WHERE at >= month AND at < month + interval '1 month'
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE refresh.%I (LIKE refresh.refresh_audit_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE refresh.refresh_audit_log ATTACH PARTITION refresh.%I FOR VALUES FROM (%L) TO (%L)',
        name, month::timestamptz, (month + interval '1 month')::timestamptz);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change()', name);
    RETURN true;
END $$;
COMMENT ON FUNCTION refresh.add_audit_month IS 'Gives a month (UTC, its first day) of the audit log its own partition, unless the rest holds rows of it.';

-- Rows are moved by taking the default partition off and putting the rows back through the log, never by deleting.
CREATE FUNCTION refresh.empty_audit_rest() RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    moved bigint;
BEGIN
    LOCK TABLE refresh.refresh_audit_log IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE refresh.refresh_audit_log DETACH PARTITION refresh.refresh_audit_log_rest;
    ALTER TABLE refresh.refresh_audit_log_rest RENAME TO refresh_audit_log_moving;
    CREATE TABLE refresh.refresh_audit_log_rest PARTITION OF refresh.refresh_audit_log DEFAULT;
    CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.refresh_audit_log_rest
    FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change();
    PERFORM refresh.add_audit_month(month) FROM (
        SELECT DISTINCT date_trunc('month', at)::date AS month FROM refresh.refresh_audit_log_moving
    ) AS months;
    INSERT INTO refresh.refresh_audit_log OVERRIDING SYSTEM VALUE SELECT * FROM refresh.refresh_audit_log_moving;
    GET DIAGNOSTICS moved = ROW_COUNT;
    DROP TABLE refresh.refresh_audit_log_moving;
    RETURN moved;
END $$;
COMMENT ON FUNCTION refresh.empty_audit_rest IS 'Moves the rows of the default partition of the audit log into partitions of their months.';

CREATE FUNCTION refresh.keep_audit_months(audit_months integer, as_of timestamptz) RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    this_month date := date_trunc('month', as_of);
    oldest date := this_month - make_interval(months => audit_months);
    name text;
    added integer := 0;
    dropped integer := 0;
    moved bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM refresh.refresh_audit_log_rest WHERE at < this_month) THEN
        moved := refresh.empty_audit_rest();
    END IF;
    FOR i IN 0..1 LOOP
        added := added + refresh.add_audit_month((this_month + make_interval(months => i))::date)::integer;
    END LOOP;
    FOR name IN
        SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
        WHERE h.inhparent = 'refresh.refresh_audit_log'::regclass AND c.relname ~ '^refresh_audit_log_\d{4,}_\d\d$'
            AND to_date(substring(c.relname FROM '\d{4,}_\d\d$'), 'YYYY_MM') < oldest
    LOOP
        EXECUTE format('DROP TABLE refresh.%I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN jsonb_build_object('audit_rows_moved', moved, 'audit_months_added', added, 'audit_months_dropped', dropped);
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN jsonb_build_object('audit_months_deferred', 1);
END $$;

CREATE FUNCTION refresh.needs_staging(name text, held_since timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT EXISTS (
    SELECT FROM refresh.refresh_task t
    WHERE t.staging_table = name
        AND (NOT refresh.is_terminal(t.status) OR (t.status = 'held' AND t.finished_at >= held_since)))
$$;

CREATE FUNCTION refresh.drop_staging(held_since timestamptz) RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text;
    dropped integer := 0;
    deferred integer := 0;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'refresh_staging'::regnamespace AND c.relkind = 'r'
            AND NOT refresh.needs_staging(c.relname, held_since)
    LOOP
        BEGIN
            EXECUTE format('LOCK TABLE refresh_staging.%I IN ACCESS EXCLUSIVE MODE', name);
            -- A held task's staging may have been adopted while the lock was waited for.
            IF NOT refresh.needs_staging(name, held_since) THEN
                EXECUTE format('DROP TABLE refresh_staging.%I', name);
                dropped := dropped + 1;
            END IF;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                deferred := deferred + 1;
            WHEN undefined_table THEN
                NULL; -- its worker dropped it in the meantime
        END;
    END LOOP;
    RETURN jsonb_build_object('staging_tables', dropped, 'staging_tables_deferred', deferred);
END $$;

CREATE FUNCTION refresh.cleanup(
    checkpoint_days integer DEFAULT 14,
    audit_months integer DEFAULT 13,
    quarantine_days integer DEFAULT 90,
    outbox_days integer DEFAULT 7,
    staging_hours integer DEFAULT 48,
    quality_days integer DEFAULT 400,
    batch_rows integer DEFAULT 100000,
    as_of timestamptz DEFAULT now()
) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' AS $$
DECLARE
    wrong text;
    removed jsonb := '{}';
    n bigint;
BEGIN
    SELECT given.name INTO wrong FROM (VALUES
        ('checkpoint_days', checkpoint_days), ('audit_months', audit_months), ('quarantine_days', quarantine_days),
        ('outbox_days', outbox_days), ('staging_hours', staging_hours), ('quality_days', quality_days),
        ('batch_rows', batch_rows)) AS given (name, value)
    WHERE given.value < 1 OR given.value IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'cleanup: % must be at least 1', wrong USING ERRCODE = 'invalid_parameter_value',
            HINT = 'What is younger than a day, month or hour is never removed.';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtextextended('refresh.cleanup', 0)) THEN
        RETURN jsonb_build_object('already_running', true);
    END IF;

    DELETE FROM refresh.refresh_checkpoint WHERE ctid = ANY (ARRAY(
        SELECT c.ctid FROM refresh.refresh_checkpoint c JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
        WHERE t.finished_at < as_of - make_interval(days => checkpoint_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('checkpoints', n);

    DELETE FROM refresh.refresh_task_scope WHERE ctid = ANY (ARRAY(
        SELECT s.ctid FROM refresh.refresh_task_scope s JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
        WHERE t.finished_at < as_of - make_interval(days => checkpoint_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('task_scopes', n);

    DELETE FROM refresh.refresh_outbox WHERE outbox_id = ANY (ARRAY(
        SELECT o.outbox_id FROM refresh.refresh_outbox o
        WHERE o.published_at < as_of - make_interval(days => outbox_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('outbox', n);

    DELETE FROM refresh.refresh_quarantine WHERE quarantine_id = ANY (ARRAY(
        SELECT q.quarantine_id FROM refresh.refresh_quarantine q
        WHERE q.quarantined_at < as_of - make_interval(days => quarantine_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('quarantine', n);

    DELETE FROM refresh.refresh_dead_letter WHERE dead_letter_id = ANY (ARRAY(
        SELECT d.dead_letter_id FROM refresh.refresh_dead_letter d
        WHERE d.received_at < as_of - make_interval(days => quarantine_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('dead_letters', n);

    DELETE FROM refresh.refresh_data_quality WHERE check_id = ANY (ARRAY(
        SELECT q.check_id FROM refresh.refresh_data_quality q
        WHERE q.checked_at < as_of - make_interval(days => quality_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('data_quality', n);

    RETURN removed || refresh.drop_staging(as_of - make_interval(hours => staging_hours))
        || refresh.keep_audit_months(audit_months, as_of);
END $$;
COMMENT ON FUNCTION refresh.cleanup IS
    'Removes, by age, what is no longer needed, at most batch_rows of a kind; returns counts. Tables in use are left for the next call.';
REVOKE EXECUTE ON FUNCTION refresh.cleanup, refresh.keep_audit_months, refresh.empty_audit_rest, refresh.add_audit_month,
    refresh.drop_staging FROM PUBLIC;
