-- Promotion: what is in a shadow becomes what is live, in one transaction that readers see whole or not at all, and that a
-- rollback of its run takes back. Demotion: the way back. Both write only rows that differ, into the table as it stands, so
-- its indexes, grants, views and whatever else depends on it are as they were.

CREATE FUNCTION refresh.refuse_promotion(problem text, remedy text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', problem USING ERRCODE = 'object_not_in_prerequisite_state', HINT = remedy;
END $$;

-- The same values as of shared/domain/scope.py, where the time zone is UTC.
CREATE FUNCTION refresh.scope_expression(alias text, scope_column text, scope_bucket text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE
    WHEN scope_column IS NULL THEN 'NULL::text'
    WHEN scope_bucket IS NULL THEN format('%I.%I::text', alias, scope_column)
    WHEN starts_with(scope_bucket, 'hash:') THEN format('((''x'' || substr(md5(%I.%I::text), 1, 8))::bit(32)::bigint %% %s)::text',
        alias, scope_column, substr(scope_bucket, 6)::integer)
    WHEN scope_bucket = 'day' THEN format('%I.%I::date::text', alias, scope_column)
    WHEN scope_bucket = 'week' THEN
        format('(%1$I.%2$I::date - extract(dow FROM %1$I.%2$I::date)::integer)::text', alias, scope_column)
    ELSE format('date_trunc(''month'', %I.%I::date)::date::text', alias, scope_column) END
$$;
COMMENT ON FUNCTION refresh.scope_expression IS 'SQL of the scope value of a row.';

CREATE FUNCTION refresh.table_to_promote(target text) RETURNS refresh.refresh_table_registry LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry refresh.refresh_table_registry;
BEGIN
    -- What others have committed while a lock was waited for has to be seen.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'a table cannot be promoted or demoted at isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'feature_not_supported', HINT = 'Use READ COMMITTED.';
    END IF;
    SELECT r.* INTO entry FROM refresh.refresh_table_registry r
    WHERE r.table_schema || '.' || r.table_name = target FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not registered: %', target USING ERRCODE = 'undefined_table', HINT = 'Name the table as schema.table.';
    END IF;
    RETURN entry;
END $$;

CREATE FUNCTION refresh.check_promotion(entry refresh.refresh_table_registry, shadow refresh.refresh_shadow, force boolean)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    target text := entry.table_schema || '.' || entry.table_name;
    days integer;
    latest refresh.refresh_shadow_report;
BEGIN
    IF entry.mode <> 'shadow' THEN
        PERFORM refresh.refuse_promotion(format('%s has mode %s', target, entry.mode), 'Only a table of mode shadow can be promoted.');
    ELSIF shadow.columns IS NULL OR shadow.scanned_snapshot_at IS NULL THEN
        PERFORM refresh.refuse_promotion(format('%s has no shadow that was refreshed since the table became one', target),
            'Refresh the table first.');
    ELSIF shadow.shape <> refresh.table_shape(format('%I.%I', entry.table_schema, entry.table_name)::regclass) THEN
        PERFORM refresh.refuse_promotion(format('the columns of %s have changed since its shadow was made', target),
            'Refresh the table once more: its shadow is then made anew.');
    END IF;
    IF force THEN
        RETURN;
    END IF;
    days := refresh.clean_days(entry.table_schema, entry.table_name);
    IF days < entry.shadow_clean_days THEN
        SELECT r.* INTO latest FROM refresh.refresh_shadow_report r
        WHERE r.table_schema = entry.table_schema AND r.table_name = entry.table_name ORDER BY r.day DESC LIMIT 1;
        PERFORM refresh.refuse_promotion(
            format('%s has %s of %s clean days', target, days, entry.shadow_clean_days)
            || coalesce(format('; on %s %s rows were missing, %s extra, %s differing, %s scopes held', latest.day, latest.missing,
                latest.extra, latest.differing, latest.scopes_held), ''),
            'Wait until it has them, or force the promotion and say why.');
    ELSIF shadow.last_refreshed_at < now() - make_interval(hours => 2 * entry.frequency_hours) THEN
        PERFORM refresh.refuse_promotion(format('the shadow of %s was last refreshed at %s', target,
            to_char(shadow.last_refreshed_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')), 'Refresh the table first, or force the promotion and say why.');
    END IF;
END $$;

CREATE FUNCTION refresh.counted(write text, returned text, undo regclass, kind text, listed text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN undo IS NULL OR kind IS NULL THEN format('WITH written AS (%s RETURNING 1) SELECT count(*) FROM written', write)
    ELSE format('WITH written AS (%s RETURNING %s), kept AS (INSERT INTO %s (refresh_undo_kind, %s) SELECT %L, %s FROM written) '
        'SELECT count(*) FROM written', write, returned, undo, listed, kind, listed) END
$$;
COMMENT ON FUNCTION refresh.counted IS
    'A statement that writes, tells how many rows, and keeps what it returns for a rollback (kind NULL: nothing).';

CREATE FUNCTION refresh.merge_shadow(
    entry refresh.refresh_table_registry, shadow refresh.refresh_shadow, undo regclass, undo_key text[],
    OUT seen bigint, OUT inserted bigint, OUT updated bigint, OUT deleted bigint
) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    live regclass := format('%I.%I', entry.table_schema, entry.table_name)::regclass;
    whole boolean := cardinality(undo_key) = 0;
    scope_of_live text := refresh.scope_expression('t', shadow.scope_column, shadow.scope_bucket);
    source text;
    deletable text;
    names text;
    live_row text;
    shadow_row text;
    assignments text;
    kept text;
    kept_of_live text;
    stamped text := coalesce(', ' || quote_ident(entry.loaded_at_column), '');
BEGIN
    source := format('(SELECT s.ctid AS place, s.* FROM refresh_shadow.%I s WHERE %s)', shadow.shadow_name,
        CASE WHEN shadow.scanned_from IS NULL THEN 'true' ELSE format('%s COLLATE "C" >= %L',
            refresh.scope_expression('s', shadow.scope_column, shadow.scope_bucket), shadow.scanned_from) END);
    deletable := format('array_position($1, %s) IS NULL', scope_of_live)
        || CASE WHEN shadow.scanned_from IS NULL THEN '' ELSE format(' AND %s COLLATE "C" >= %L', scope_of_live, shadow.scanned_from) END;
    SELECT string_agg(quote_ident(c), ', '), string_agg(format('t.%I', c), ', '), string_agg(format('u.%I', c), ', '),
        string_agg(format('%1$I = u.%1$I', c), ', ')
    INTO names, live_row, shadow_row, assignments FROM unnest(shadow.columns) AS c;
    DROP TABLE IF EXISTS pg_temp.refresh_promoted;
    IF cardinality(shadow.key_columns) > 0 THEN
        EXECUTE format('CREATE TEMPORARY TABLE refresh_promoted ON COMMIT DROP AS '
            'SELECT u.place, t.tableoid AS live_table, t.ctid AS live FROM %s u FULL JOIN %s t ON %s '
            'WHERE t.tableoid IS NULL OR (u.place IS NULL AND %s) OR (u.place IS NOT NULL AND ROW(%s)::record *<> ROW(%s)::record)',
            source, live, refresh.key_match(live, shadow.key_columns), deletable, live_row, shadow_row) USING shadow.held_scopes;
    ELSE
        -- Equal rows are told apart by number: the n-th of an image here belongs to the n-th there.
        EXECUTE format('CREATE TEMPORARY TABLE refresh_promoted ON COMMIT DROP AS '
            'WITH u AS (SELECT u.place, i.image, row_number() OVER (PARTITION BY i.image) AS n FROM %s u '
            'CROSS JOIN LATERAL (SELECT sha256(convert_to(ROW(%s)::text, ''UTF8'')) AS image) i), '
            't AS (SELECT t.tableoid AS live_table, t.ctid AS live, i.image, row_number() OVER (PARTITION BY i.image) AS n, %s AS goes '
            'FROM %s t CROSS JOIN LATERAL (SELECT sha256(convert_to(ROW(%s)::text, ''UTF8'')) AS image) i) '
            'SELECT u.place, t.live_table, t.live FROM u FULL JOIN t USING (image, n) '
            'WHERE t.live IS NULL OR (u.place IS NULL AND t.goes)',
            source, shadow_row, deletable, live, live_row) USING shadow.held_scopes;
    END IF;
    IF entry.strategy = 'append' THEN
        DELETE FROM refresh_promoted p WHERE p.live IS NOT NULL;
    END IF;
    ANALYZE refresh_promoted;
    IF undo IS NOT NULL THEN
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum), string_agg(format('t.%I', attname), ', ' ORDER BY attnum)
        INTO kept, kept_of_live FROM pg_attribute
        WHERE attrelid = undo AND attnum > 0 AND NOT attisdropped AND attname <> 'refresh_undo_kind';
        EXECUTE format('INSERT INTO %s (refresh_undo_kind, %s) '
            'SELECT CASE WHEN p.place IS NULL OR $1 THEN ''deleted'' ELSE ''updated'' END, %s '
            'FROM refresh_promoted p JOIN %s t ON t.tableoid = p.live_table AND t.ctid = p.live', undo, kept, kept_of_live, live)
        USING whole;
    END IF;
    EXECUTE refresh.counted(format('DELETE FROM %s t USING refresh_promoted p '
        'WHERE p.place IS NULL AND t.tableoid = p.live_table AND t.ctid = p.live', live), NULL, undo, NULL, NULL) INTO deleted;
    EXECUTE refresh.counted(format('UPDATE %s t SET %s%s FROM refresh_promoted p JOIN %s u ON u.place = p.place '
        'WHERE t.tableoid = p.live_table AND t.ctid = p.live', live, assignments,
        coalesce(', ' || quote_ident(entry.loaded_at_column) || ' = now()', ''), source),
        kept_of_live, undo, CASE WHEN whole THEN 'inserted' END, kept) INTO updated;
    IF NOT whole THEN
        SELECT string_agg(quote_ident(k), ', '), string_agg(format('t.%I', k), ', ') INTO kept, kept_of_live FROM unnest(undo_key) AS k;
    END IF;
    EXECUTE refresh.counted(format('INSERT INTO %s AS t (%s%s) SELECT %s%s FROM refresh_promoted p JOIN %s u ON u.place = p.place '
        'WHERE p.live IS NULL', live, names, stamped, shadow_row, CASE WHEN stamped <> '' THEN ', now()' ELSE '' END, source),
        kept_of_live, undo, 'inserted', kept) INTO inserted;
    EXECUTE format('SELECT count(*) FROM %s u', source) INTO seen;
EXCEPTION WHEN unique_violation THEN
    PERFORM refresh.refuse_promotion(format('a row of the shadow breaks a unique rule of %s: %s', live, SQLERRM),
        'A row that the shadow does not cover stands in the way: remove it first.');
END $$;

CREATE FUNCTION refresh.promoted_run(entry refresh.refresh_table_registry, shadow refresh.refresh_shadow, asked jsonb, requested_by text)
RETURNS uuid LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run uuid := gen_random_uuid();
BEGIN
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key, snapshot_at, planned_at)
    VALUES (run, 'manual', requested_by, asked, 'promote:' || run, shadow.scanned_snapshot_at, now());
    INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, scan_from, details)
    VALUES (run, entry.table_schema, entry.table_name, entry.handler, entry.priority, shadow.scanned_from, asked);
    UPDATE refresh.refresh_task t SET status = 'running', phase = 'publishing', epoch = 1 WHERE t.run_id = run;
    RETURN run;
END $$;
COMMENT ON FUNCTION refresh.promoted_run IS 'A promotion is a run of its own, so that history, events and rollback know it.';

CREATE FUNCTION refresh.make_undo(entry refresh.refresh_table_registry, run uuid) RETURNS regclass LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    live regclass := format('%I.%I', entry.table_schema, entry.table_name)::regclass;
    task text := run || '/' || entry.table_schema || '.' || entry.table_name;
    name text := 'undo_' || substr(encode(sha256(convert_to(task, 'UTF8')), 'hex'), 1, 20);
    present boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', live) INTO present;
    IF entry.rollback_publishes = 0 OR NOT present THEN
        RETURN NULL;
    END IF;
    EXECUTE format('CREATE TABLE refresh_undo.%I WITH (autovacuum_enabled = false) AS SELECT CAST(NULL AS text) AS refresh_undo_kind, %s '
        'FROM %s WITH NO DATA', name, (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = live AND attnum > 0 AND NOT attisdropped AND attgenerated = ''), live);
    EXECUTE format('ALTER TABLE refresh_undo.%I OWNER TO refresh_loader', name);
    RETURN format('refresh_undo.%I', name)::regclass;
END $$;
COMMENT ON FUNCTION refresh.make_undo IS
    'The table for what a promotion overwrites, as shared/refresh/undo.py makes it; NULL where nothing has to be kept.';

CREATE FUNCTION refresh.record_promotion(
    entry refresh.refresh_table_registry, run uuid, undo regclass, undo_key text[], was_empty boolean,
    inserted bigint, updated bigint, deleted bigint
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    publish bigint;
BEGIN
    IF inserted + updated + deleted = 0 THEN
        IF undo IS NOT NULL THEN
            EXECUTE format('DROP TABLE %s', undo);
        END IF;
        RETURN;
    END IF;
    INSERT INTO refresh.refresh_publish (run_id, table_schema, table_name, was_empty, rows_inserted, rows_updated, rows_deleted,
        key_columns, undo_table, undo_bytes, last_refreshed_before, scanned_snapshot_before, expired_at)
    VALUES (run, entry.table_schema, entry.table_name, was_empty, inserted, updated, deleted,
        CASE WHEN undo IS NULL THEN '{}' ELSE undo_key END, (SELECT c.relname FROM pg_class c WHERE c.oid = undo),
        coalesce(pg_total_relation_size(undo), 0), entry.last_refreshed_at, entry.scanned_snapshot_at,
        CASE WHEN entry.rollback_publishes = 0 THEN clock_timestamp() END)
    RETURNING publish_id INTO publish;
    INSERT INTO refresh.refresh_publish_scope (publish_id, scope, fingerprint, was_published, fingerprint_before,
        definition_hash_before, rows_before, rows_quarantined_before, run_id_before, published_at_before)
    SELECT publish, s.scope, s.fingerprint, p.run_id IS NOT NULL, p.fingerprint, p.definition_hash, p.rows, p.rows_quarantined,
        p.run_id, p.published_at
    FROM refresh.refresh_shadow_state s
    LEFT JOIN refresh.refresh_partition_state p
        ON p.table_schema = s.table_schema AND p.table_name = s.table_name AND p.scope IS NOT DISTINCT FROM s.scope
    WHERE entry.rollback_publishes > 0 AND s.table_schema = entry.table_schema AND s.table_name = entry.table_name;
    PERFORM refresh.expire_publishes(entry.table_schema, entry.table_name, entry.rollback_publishes);
END $$;

CREATE FUNCTION refresh.take_over_state(entry refresh.refresh_table_registry, shadow refresh.refresh_shadow, run uuid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO refresh.refresh_partition_state AS p (table_schema, table_name, scope, fingerprint, definition_hash, snapshot_at,
        rows, rows_quarantined, run_id)
    SELECT s.table_schema, s.table_name, s.scope, s.fingerprint, s.definition_hash, s.snapshot_at, s.rows, s.rows_quarantined, run
    FROM refresh.refresh_shadow_state s
    WHERE s.table_schema = entry.table_schema AND s.table_name = entry.table_name
        AND (shadow.scanned_from IS NULL OR s.scope COLLATE "C" >= shadow.scanned_from COLLATE "C")
    ON CONFLICT (table_schema, table_name, scope) DO UPDATE
    SET fingerprint = excluded.fingerprint, definition_hash = excluded.definition_hash, snapshot_at = excluded.snapshot_at,
        rows = excluded.rows, rows_quarantined = excluded.rows_quarantined, run_id = excluded.run_id,
        published_at = clock_timestamp(), refused_fingerprint = NULL, refused = '{}', refused_at = NULL;
    UPDATE refresh.refresh_shadow s SET promoted_by_transaction = pg_current_xact_id()
    WHERE s.table_schema = entry.table_schema AND s.table_name = entry.table_name;
    UPDATE refresh.refresh_table_registry r
    SET mode = 'live', last_refreshed_at = clock_timestamp(), data_version = r.data_version + 1,
        last_data_period = coalesce(shadow.last_data_period, r.last_data_period),
        scanned_snapshot_at = shadow.scanned_snapshot_at, scanned_from = shadow.scanned_from
    WHERE r.table_schema = entry.table_schema AND r.table_name = entry.table_name;
    PERFORM refresh.drop_shadow(entry.table_schema, entry.table_name);
END $$;

CREATE FUNCTION refresh.promote(
    target text, force boolean DEFAULT false, reason text DEFAULT NULL, requested_by text DEFAULT current_user
) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
    entry refresh.refresh_table_registry;
    shadow refresh.refresh_shadow;
    live regclass;
    undo regclass;
    undo_key text[];
    run uuid;
    days integer;
    was_empty boolean;
    wrote record;
    said jsonb;
BEGIN
    IF force AND coalesce(reason !~ '\S', true) THEN
        RAISE EXCEPTION 'a forced promotion needs a reason' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why.';
    END IF;
    entry := refresh.table_to_promote(target);
    SELECT s.* INTO shadow FROM refresh.refresh_shadow s
    WHERE s.table_schema = entry.table_schema AND s.table_name = entry.table_name;
    PERFORM refresh.check_promotion(entry, shadow, force);
    days := refresh.clean_days(entry.table_schema, entry.table_name);
    said := jsonb_strip_nulls(jsonb_build_object('promote', target, 'force', force, 'reason', reason, 'clean_days', days));
    PERFORM set_config('refresh.actor', requested_by, true);
    run := refresh.promoted_run(entry, shadow, said, requested_by);
    live := format('%I.%I', entry.table_schema, entry.table_name)::regclass;
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', live);
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', live) INTO was_empty;
    undo := refresh.make_undo(entry, run);
    -- A key that may be NULL finds no row again.
    SELECT CASE WHEN bool_and(a.attnotnull) THEN shadow.key_columns ELSE '{}' END INTO undo_key
    FROM unnest(shadow.key_columns) AS k JOIN pg_attribute a ON a.attrelid = live AND a.attname = k;
    undo_key := coalesce(undo_key, '{}');
    SELECT m.* INTO wrote FROM refresh.merge_shadow(entry, shadow, undo, undo_key) AS m;
    PERFORM refresh.record_promotion(entry, run, undo, undo_key, was_empty, wrote.inserted, wrote.updated, wrote.deleted);
    PERFORM refresh.take_over_state(entry, shadow, run);
    -- The shadow is the one slice of this run.
    INSERT INTO refresh.refresh_checkpoint (run_id, table_schema, table_name, slice_no, scope_values, status, rows_expected,
        source_rows_expected, rows_received, rows_read, rows_staged, started_at, finished_at)
    VALUES (run, entry.table_schema, entry.table_name, 0, '{}', 'done', wrote.seen, wrote.seen, wrote.seen, wrote.seen, wrote.seen,
        now(), clock_timestamp());
    UPDATE refresh.refresh_task t
    SET slices_total = 1, status = CASE WHEN wrote.inserted + wrote.updated + wrote.deleted > 0 THEN 'success' ELSE 'no_new_data' END,
        rows_read = wrote.seen, rows_staged = wrote.seen, rows_inserted = wrote.inserted, rows_updated = wrote.updated,
        rows_deleted = wrote.deleted, rows_unchanged = wrote.seen - wrote.inserted - wrote.updated
    WHERE t.run_id = run;
    UPDATE refresh.refresh_run n SET status = 'success', finished_at = clock_timestamp() WHERE n.run_id = run;
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, rows_inserted, rows_updated, rows_deleted, details)
    VALUES (run, entry.table_schema, entry.table_name, 'table_promoted', wrote.inserted, wrote.updated, wrote.deleted,
        said || jsonb_build_object('by', requested_by, 'database_user', session_user, 'clean_days_needed', entry.shadow_clean_days));
    RETURN jsonb_build_object('table', target, 'run_id', run, 'forced', force, 'clean_days', days, 'rows_inserted', wrote.inserted,
        'rows_updated', wrote.updated, 'rows_deleted', wrote.deleted, 'rows_unchanged', wrote.seen - wrote.inserted - wrote.updated);
END $$;
COMMENT ON FUNCTION refresh.promote IS
    'Makes what is in a table''s shadow live, after shadow_clean_days clean days, or before by force with a reason. One transaction, a run of its own, which refresh.roll_back takes back. Returns the run and the rows written.';

CREATE FUNCTION refresh.demote(target text, reason text, requested_by text DEFAULT current_user) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
    entry refresh.refresh_table_registry;
    name text;
    names text;
    copied bigint;
BEGIN
    IF coalesce(reason !~ '\S', true) THEN
        RAISE EXCEPTION 'a demotion needs a reason' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why.';
    END IF;
    entry := refresh.table_to_promote(target);
    IF entry.mode <> 'live' OR entry.handler = 'summaries' THEN
        PERFORM refresh.refuse_promotion(format('%s is %s', target,
            CASE WHEN entry.mode <> 'live' THEN 'of mode ' || entry.mode ELSE 'a materialized view' END),
            'Only a table of mode live can be demoted.');
    END IF;
    PERFORM refresh.drop_shadow(entry.table_schema, entry.table_name);
    name := refresh.make_shadow(entry.table_schema, entry.table_name);
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO names FROM pg_attribute
    WHERE attrelid = format('%I.%I', entry.table_schema, entry.table_name)::regclass AND attnum > 0 AND NOT attisdropped
        AND attgenerated = '';
    EXECUTE format('INSERT INTO refresh_shadow.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %I.%I', name, names, names,
        entry.table_schema, entry.table_name);
    GET DIAGNOSTICS copied = ROW_COUNT;
    INSERT INTO refresh.refresh_shadow_state (table_schema, table_name, scope, fingerprint, definition_hash, snapshot_at, rows,
        rows_quarantined, run_id)
    SELECT p.table_schema, p.table_name, p.scope, p.fingerprint, p.definition_hash, p.snapshot_at, p.rows, p.rows_quarantined, p.run_id
    FROM refresh.refresh_partition_state p WHERE p.table_schema = entry.table_schema AND p.table_name = entry.table_name;
    UPDATE refresh.refresh_shadow s
    SET last_refreshed_at = entry.last_refreshed_at, last_data_period = entry.last_data_period,
        scanned_snapshot_at = entry.scanned_snapshot_at, scanned_from = entry.scanned_from
    WHERE s.table_schema = entry.table_schema AND s.table_name = entry.table_name;
    PERFORM set_config('refresh.actor', requested_by, true);
    UPDATE refresh.refresh_table_registry r SET mode = 'shadow'
    WHERE r.table_schema = entry.table_schema AND r.table_name = entry.table_name;
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES (entry.table_schema, entry.table_name, 'table_demoted',
        jsonb_build_object('by', requested_by, 'database_user', session_user, 'reason', reason));
    RETURN jsonb_build_object('table', target, 'rows', copied);
END $$;
COMMENT ON FUNCTION refresh.demote IS
    'Back to shadow: the live table stays as it is, for another program to fill, and the shadow begins as its copy. Returns the rows copied.';

REVOKE EXECUTE ON FUNCTION refresh.promote, refresh.demote, refresh.table_to_promote, refresh.check_promotion, refresh.merge_shadow,
    refresh.promoted_run, refresh.make_undo, refresh.record_promotion, refresh.take_over_state, refresh.refuse_promotion FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.promote, refresh.demote TO refresh_api;
