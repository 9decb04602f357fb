-- Taking publishes back: the rows, what the control plane says of them, and the materialized views over them, in one
-- transaction. The source still has what was taken back, so it is remembered as refused until something else is published.

ALTER TABLE refresh.refresh_partition_state
    ADD COLUMN refused jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(refused) = 'object'),
    ADD COLUMN refused_at timestamptz;
CREATE INDEX refresh_partition_state_refused ON refresh.refresh_partition_state (table_schema, table_name)
WHERE refused_at IS NOT NULL;
COMMENT ON COLUMN refresh.refresh_partition_state.fingerprint IS
    'Of the source as published. NULL: the scope has no rows; empty: it has rows that no run of ours can vouch for.';
COMMENT ON COLUMN refresh.refresh_partition_state.refused_fingerprint IS
    'What was taken back last, and is not published again by itself; empty: that the scope had vanished.';
COMMENT ON COLUMN refresh.refresh_partition_state.refused IS
    'Everything taken back since the last publish: JSON object, fingerprint to definition hash.';

-- The equality that a key's unique index stands for, which may be of an extension (citext) and so outside of the search path.
CREATE FUNCTION refresh.key_match(relation regclass, key_columns text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT string_agg(format('t.%1$I OPERATOR(%2$I.%3$s) u.%1$I', a.attname, coalesce(n.nspname, 'pg_catalog'),
    coalesce(o.oprname, '=')), ' AND ' ORDER BY k.position)
FROM unnest(key_columns) WITH ORDINALITY AS k (name, position)
JOIN pg_attribute a ON a.attrelid = relation AND a.attname = k.name AND NOT a.attisdropped
LEFT JOIN pg_opclass c ON c.opcintype = a.atttypid AND c.opcdefault AND c.opcmethod = 403
LEFT JOIN pg_amop m ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
    AND m.amopstrategy = 3
LEFT JOIN pg_operator o ON o.oid = m.amopopr
LEFT JOIN pg_namespace n ON n.oid = o.oprnamespace
$$;
COMMENT ON FUNCTION refresh.key_match IS 'Condition that t and u have the same key.';

CREATE FUNCTION refresh.publishes_in_the_way(publish refresh.refresh_publish) RETURNS SETOF refresh.refresh_publish
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    later refresh.refresh_publish;
    touches boolean;
BEGIN
    FOR later IN
        SELECT * FROM refresh.refresh_publish p
        WHERE p.table_schema = publish.table_schema AND p.table_name = publish.table_name
            AND p.publish_id > publish.publish_id AND p.rolled_back_at IS NULL
        ORDER BY p.publish_id DESC
    LOOP
        -- Into an empty table everything was written; of a publish that kept nothing it is not known what it wrote; and a
        -- scope is vouched for as a whole, by one fingerprint.
        touches := publish.was_empty OR later.was_empty OR later.expired_at IS NOT NULL OR EXISTS (
            SELECT FROM refresh.refresh_publish_scope mine JOIN refresh.refresh_publish_scope theirs
                ON theirs.scope IS NOT DISTINCT FROM mine.scope
            WHERE mine.publish_id = publish.publish_id AND theirs.publish_id = later.publish_id);
        -- A row that moved to another scope is the same row.
        IF NOT touches AND cardinality(publish.key_columns) > 0 AND publish.key_columns = later.key_columns THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM refresh_undo.%I t JOIN refresh_undo.%I u ON %s)',
                publish.undo_table, later.undo_table,
                refresh.key_match(format('refresh_undo.%I', publish.undo_table)::regclass, publish.key_columns))
            INTO touches;
        END IF;
        IF touches THEN
            RETURN NEXT later;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION refresh.publishes_in_the_way IS
    'Later publishes of the table, the newest first, that touch the same rows and have to be taken back before.';

CREATE FUNCTION refresh.check_taken_back(publish refresh.refresh_publish, what text, seen bigint, expected bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF seen <> expected THEN
        RAISE EXCEPTION '%.%: of % rows that run % %, % are as it left them', publish.table_schema, publish.table_name,
            expected, publish.run_id, what, seen
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Something else than a refresh has changed them, or a trigger of the table changes what is put back: undo '
                    'that first. Nothing was taken back.';
    END IF;
END $$;

CREATE FUNCTION refresh.put_rows_back(publish refresh.refresh_publish) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    target regclass := format('%I.%I', publish.table_schema, publish.table_name)::regclass;
    undo regclass;
    missing text;
    names text;
    kept text;
    live text;
    assignments text;
    same_key text;
    n bigint;
BEGIN
    IF publish.was_empty THEN
        EXECUTE format('DELETE FROM %s', target);
        GET DIAGNOSTICS n = ROW_COUNT;
        PERFORM refresh.check_taken_back(publish, 'inserted', n, publish.rows_inserted);
        RETURN;
    END IF;
    undo := format('refresh_undo.%I', publish.undo_table)::regclass;
    SELECT string_agg(u.attname, ', ') FILTER (WHERE t.attname IS NULL),
        string_agg(quote_ident(u.attname), ', ' ORDER BY u.attnum),
        string_agg(format('u.%I::%s', u.attname, format_type(t.atttypid, t.atttypmod)), ', ' ORDER BY u.attnum),
        string_agg(format('t.%I', u.attname), ', ' ORDER BY u.attnum),
        string_agg(format('%1$I = u.%1$I::%2$s', u.attname, format_type(t.atttypid, t.atttypmod)), ', ' ORDER BY u.attnum)
            FILTER (WHERE t.attidentity <> 'a')
    INTO missing, names, kept, live, assignments
    FROM pg_attribute u
    LEFT JOIN pg_attribute t ON t.attrelid = target AND t.attname = u.attname AND t.attnum > 0 AND t.attgenerated = ''
    WHERE u.attrelid = undo AND u.attnum > 0 AND NOT u.attisdropped AND u.attname <> 'refresh_undo_kind';
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION '%.% no longer has %, which run % overwrote', publish.table_schema, publish.table_name, missing, publish.run_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'The rows cannot be put back as they were. Give the table its columns back, or run it with force.';
    END IF;
    EXECUTE format('ANALYZE %s', undo);
    IF cardinality(publish.key_columns) = 0 THEN
        PERFORM refresh.put_rows_back_by_image(publish, target, undo, names, kept, live);
        RETURN;
    END IF;
    same_key := refresh.key_match(target, publish.key_columns);
    EXECUTE format('DELETE FROM %s t USING %s u WHERE u.refresh_undo_kind = ''inserted'' AND %s', target, undo, same_key);
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM refresh.check_taken_back(publish, 'inserted', n, publish.rows_inserted);
    BEGIN
        EXECUTE format('UPDATE %s t SET %s FROM %s u WHERE u.refresh_undo_kind = ''updated'' AND %s',
            target, assignments, undo, same_key);
        GET DIAGNOSTICS n = ROW_COUNT;
    EXCEPTION WHEN unique_violation THEN
        -- Rows that exchange values of another unique index cannot be updated one after the other.
        EXECUTE format('DELETE FROM %s t USING %s u WHERE u.refresh_undo_kind = ''updated'' AND %s', target, undo, same_key);
        GET DIAGNOSTICS n = ROW_COUNT;
        EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s u WHERE u.refresh_undo_kind = ''updated''',
            target, names, kept, undo);
    END;
    PERFORM refresh.check_taken_back(publish, 'updated', n, publish.rows_updated);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s u WHERE u.refresh_undo_kind = ''deleted''',
        target, names, kept, undo);
    EXECUTE format('SELECT count(*) FROM %s t JOIN %s u ON %s WHERE u.refresh_undo_kind <> ''inserted'' '
        'AND NOT ROW(%s)::record *<> ROW(%s)::record', target, undo, same_key, live, kept) INTO n;
    PERFORM refresh.check_taken_back(publish, 'overwrote', n, publish.rows_updated + publish.rows_deleted);
END $$;

-- Without a key the n-th row of an image belongs to the n-th that was written; which of equal rows is taken is all the same.
CREATE FUNCTION refresh.put_rows_back_by_image(
    publish refresh.refresh_publish, target regclass, undo regclass, names text, kept text, live text
) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    likely text;
    n bigint;
BEGIN
    SELECT format('t.%1$I IN (SELECT %1$I FROM %2$s) OR t.%1$I IS NULL', r.scope_column, undo) INTO likely
    FROM refresh.refresh_table_registry r
    JOIN pg_attribute a ON a.attrelid = undo AND a.attname = r.scope_column
    WHERE r.table_schema = publish.table_schema AND r.table_name = publish.table_name;
    EXECUTE format('WITH written AS ('
        'SELECT i.image, row_number() OVER (PARTITION BY i.image) AS n FROM %2$s u '
        'CROSS JOIN LATERAL (SELECT sha256(convert_to(ROW(%3$s)::text, ''UTF8'')) AS image) i '
        'WHERE u.refresh_undo_kind = ''inserted''), present AS ('
        'SELECT t.tableoid AS live_table, t.ctid AS live, i.image, row_number() OVER (PARTITION BY i.image) AS n FROM %1$s t '
        'CROSS JOIN LATERAL (SELECT sha256(convert_to(ROW(%4$s)::text, ''UTF8'')) AS image) i WHERE %5$s) '
        'DELETE FROM %1$s t USING present p JOIN written w USING (image, n) WHERE t.tableoid = p.live_table AND t.ctid = p.live',
        target, undo, kept, live, coalesce(likely, 'true'));
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM refresh.check_taken_back(publish, 'wrote', n, publish.rows_inserted + publish.rows_updated);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s u WHERE u.refresh_undo_kind = ''deleted''',
        target, names, kept, undo);
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM refresh.check_taken_back(publish, 'overwrote', n, publish.rows_updated + publish.rows_deleted);
END $$;

-- The same values as of shared/domain/scope.py.
CREATE FUNCTION refresh.rows_by_scope(of_schema text, of_name text) RETURNS TABLE (scope text, rows bigint) LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    relation regclass := format('%I.%I', of_schema, of_name)::regclass;
    value text;
BEGIN
    SELECT CASE
        WHEN r.scope_column IS NULL OR r.strategy = 'replace' THEN 'NULL::text'
        WHEN r.scope_bucket IS NULL THEN format('t.%I::text', r.scope_column)
        WHEN starts_with(r.scope_bucket, 'hash:') THEN
            format('((''x'' || substr(md5(t.%I::text), 1, 8))::bit(32)::bigint %% %s)::text', r.scope_column, substr(r.scope_bucket, 6))
        WHEN r.scope_bucket = 'day' THEN format('t.%I::date::text', r.scope_column)
        WHEN r.scope_bucket = 'week' THEN
            format('(t.%1$I::date - extract(dow FROM t.%1$I::date)::integer)::text', r.scope_column)
        ELSE format('date_trunc(''month'', t.%I::date)::date::text', r.scope_column)
    END INTO value
    FROM refresh.refresh_table_registry r WHERE r.table_schema = of_schema AND r.table_name = of_name;
    RETURN QUERY EXECUTE format('SELECT %s, count(*) FROM %s t GROUP BY 1', value, relation);
END $$;
COMMENT ON FUNCTION refresh.rows_by_scope IS 'How many rows a registered table holds of each scope value.';

CREATE FUNCTION refresh.put_state_back(publish refresh.refresh_publish) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- snapshot_at stays: the source has been looked at then, and nothing older may be published over what is put back.
    UPDATE refresh.refresh_partition_state p
    SET fingerprint = s.fingerprint_before, definition_hash = coalesce(s.definition_hash_before, p.definition_hash),
        rows = coalesce(s.rows_before, 0), rows_quarantined = coalesce(s.rows_quarantined_before, 0),
        run_id = coalesce(s.run_id_before, p.run_id), published_at = coalesce(s.published_at_before, p.published_at),
        refused_fingerprint = coalesce(p.fingerprint, ''),
        refused = p.refused || jsonb_build_object(coalesce(s.fingerprint, ''), p.definition_hash,
            coalesce(p.fingerprint, ''), p.definition_hash),
        refused_at = clock_timestamp()
    FROM refresh.refresh_publish_scope s
    WHERE s.publish_id = publish.publish_id AND p.table_schema = publish.table_schema AND p.table_name = publish.table_name
        AND p.scope IS NOT DISTINCT FROM s.scope;
    -- Rows that were there before the first publish of their scope.
    IF NOT publish.was_empty AND EXISTS (
        SELECT FROM refresh.refresh_publish_scope s WHERE s.publish_id = publish.publish_id AND NOT s.was_published
    ) THEN
        UPDATE refresh.refresh_partition_state p
        SET fingerprint = '', rows = there.rows
        FROM refresh.rows_by_scope(publish.table_schema, publish.table_name) there, refresh.refresh_publish_scope s
        WHERE s.publish_id = publish.publish_id AND NOT s.was_published AND p.scope IS NOT DISTINCT FROM s.scope
            AND p.table_schema = publish.table_schema AND p.table_name = publish.table_name
            AND p.scope IS NOT DISTINCT FROM there.scope;
    END IF;
    DELETE FROM refresh.refresh_publish_scope s WHERE s.publish_id = publish.publish_id;
    UPDATE refresh.refresh_publish p
    SET rolled_back_at = clock_timestamp(), undo_table = NULL, undo_bytes = 0
    WHERE p.publish_id = publish.publish_id;
    IF publish.undo_table IS NOT NULL THEN
        EXECUTE format('DROP TABLE refresh_undo.%I', publish.undo_table);
    END IF;
    UPDATE refresh.refresh_table_registry r
    SET data_version = r.data_version + 1,
        last_data_period = CASE WHEN r.last_data_period IS NOT NULL THEN (
            SELECT max(p.scope) FROM refresh.refresh_partition_state p
            WHERE p.table_schema = r.table_schema AND p.table_name = r.table_name AND p.rows > 0) END,
        last_refreshed_at = CASE WHEN stands.publish_id > publish.publish_id THEN r.last_refreshed_at ELSE (
            SELECT p.last_refreshed_before FROM refresh.refresh_publish p
            WHERE p.table_schema = r.table_schema AND p.table_name = r.table_name AND p.publish_id > coalesce(stands.publish_id, 0)
            ORDER BY p.publish_id LIMIT 1) END
    FROM (
        SELECT max(p.publish_id) AS publish_id FROM refresh.refresh_publish p
        WHERE p.table_schema = publish.table_schema AND p.table_name = publish.table_name AND p.rolled_back_at IS NULL
    ) stands
    WHERE r.table_schema = publish.table_schema AND r.table_name = publish.table_name;
END $$;

CREATE FUNCTION refresh.views_over(tables text[]) RETURNS TABLE (view_schema text, view_name text, depth integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH RECURSIVE dependent (table_schema, table_name, depth) AS (
    SELECT d.table_schema, d.table_name, 1 FROM refresh.refresh_dependency d
    WHERE d.depends_on_schema || '.' || d.depends_on_name = ANY (tables)
    UNION
    SELECT d.table_schema, d.table_name, v.depth + 1
    FROM dependent v
    JOIN refresh.refresh_table_registry r ON r.table_schema = v.table_schema AND r.table_name = v.table_name
        AND r.handler = 'summaries'
    JOIN refresh.refresh_dependency d ON d.depends_on_schema = v.table_schema AND d.depends_on_name = v.table_name
)
SELECT v.table_schema, v.table_name, max(v.depth)
FROM dependent v
JOIN refresh.refresh_table_registry r ON r.table_schema = v.table_schema AND r.table_name = v.table_name
JOIN pg_matviews m ON m.schemaname = v.table_schema AND m.matviewname = v.table_name
WHERE r.handler = 'summaries' AND r.mode <> 'disabled' AND m.ispopulated
GROUP BY v.table_schema, v.table_name
$$;
COMMENT ON FUNCTION refresh.views_over IS
    'Registered materialized views that depend on the tables; in the order of depth each comes after those that it reads.';

CREATE FUNCTION refresh.refresh_views_over(tables text[], in_run uuid) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view record;
    versions jsonb;
    started timestamptz;
    n bigint;
BEGIN
    FOR view IN SELECT * FROM refresh.views_over(tables) ORDER BY depth, view_schema, view_name LOOP
        started := clock_timestamp();
        -- Read before the view is computed, so never newer than what it shows.
        SELECT jsonb_object_agg(known.key, coalesce(r.data_version, known.value::bigint)) INTO versions
        FROM refresh.materialized_view_refresh_status s
        CROSS JOIN LATERAL jsonb_each_text(s.input_versions) AS known
        LEFT JOIN refresh.refresh_table_registry r ON r.table_schema || '.' || r.table_name = known.key
        WHERE s.table_schema = view.view_schema AND s.table_name = view.view_name;
        n := refresh.refresh_view(view.view_schema, view.view_name);
        UPDATE refresh.refresh_table_registry r SET data_version = r.data_version + 1
        WHERE r.table_schema = view.view_schema AND r.table_name = view.view_name;
        UPDATE refresh.materialized_view_refresh_status s
        SET last_refreshed_at = clock_timestamp(), rows = n, is_concurrent = true, run_id = in_run, last_error = NULL,
            duration_ms = (extract(epoch FROM clock_timestamp() - started) * 1000)::bigint,
            input_versions = coalesce(versions, '{}')
        WHERE s.table_schema = view.view_schema AND s.table_name = view.view_name;
    END LOOP;
END $$;

CREATE FUNCTION refresh.refuse_rollback(problem text, remedy text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', problem USING ERRCODE = 'object_not_in_prerequisite_state', HINT = remedy;
END $$;

-- Under the locks: what stands against taking these publishes back.
CREATE FUNCTION refresh.check_rollback(of_run uuid, tables text[], wanted text[]) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    problem text;
BEGIN
    SELECT string_agg(format('%s.%s is %s', t.table_schema, t.table_name, t.status), ', ' ORDER BY t.table_schema, t.table_name)
    INTO problem FROM refresh.refresh_task t
    WHERE t.run_id = of_run AND NOT refresh.is_terminal(t.status)
        AND (wanted IS NULL OR t.table_schema || '.' || t.table_name = ANY (wanted));
    IF problem IS NOT NULL THEN
        PERFORM refresh.refuse_rollback(format('run %s has not ended: %s', of_run, problem),
            'Wait for its end, or name the tables that have ended.');
    END IF;
    SELECT string_agg(format('%s.%s by %s', p.table_schema, p.table_name, p.rolled_back_by), ', ' ORDER BY p.publish_id)
    INTO problem FROM refresh.refresh_publish p
    WHERE p.run_id = of_run AND p.table_schema || '.' || p.table_name = ANY (tables) AND p.rolled_back_at IS NOT NULL;
    IF problem IS NOT NULL THEN
        PERFORM refresh.refuse_rollback(format('run %s was taken back already: %s', of_run, problem),
            'Nothing is left to do for these tables.');
    END IF;
    SELECT string_agg(format('%s.%s', p.table_schema, p.table_name), ', ' ORDER BY p.publish_id) INTO problem
    FROM refresh.refresh_publish p
    WHERE p.run_id = of_run AND p.table_schema || '.' || p.table_name = ANY (tables) AND p.expired_at IS NOT NULL;
    IF problem IS NOT NULL THEN
        PERFORM refresh.refuse_rollback(format('run %s can no longer be taken back of %s: what it overwrote is no longer kept', of_run, problem),
            'The last rollback_publishes of a table are kept, for as long as refresh.cleanup leaves them. Mend the source and run the table.');
    END IF;
    SELECT string_agg(format('%s.%s by run %s', p.table_schema, p.table_name, later.run_id), ', '
        ORDER BY later.publish_id DESC) INTO problem
    FROM refresh.refresh_publish p
    CROSS JOIN LATERAL refresh.publishes_in_the_way(p) later
    WHERE p.run_id = of_run AND p.table_schema || '.' || p.table_name = ANY (tables);
    IF problem IS NOT NULL THEN
        PERFORM refresh.refuse_rollback(format('run %s cannot be taken back: the same rows were published later, of %s', of_run, problem),
            'Take the later runs back first, the newest before the others.');
    END IF;
END $$;

CREATE FUNCTION refresh.roll_back(
    run_id uuid, tables text[] DEFAULT NULL, requested_by text DEFAULT current_user, reason text DEFAULT NULL
) RETURNS SETOF refresh.refresh_publish LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '3s' SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    chosen text[];
    unknown text;
    publish refresh.refresh_publish;
BEGIN
    -- What others have committed while a lock was waited for has to be seen.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'a run cannot be taken back at isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'feature_not_supported', HINT = 'Use READ COMMITTED.';
    END IF;
    SELECT array_agg(p.table_schema || '.' || p.table_name) INTO chosen FROM refresh.refresh_publish p
    WHERE p.run_id = roll_back.run_id AND CASE WHEN roll_back.tables IS NULL THEN p.rolled_back_at IS NULL
        ELSE p.table_schema || '.' || p.table_name = ANY (roll_back.tables) END;
    IF chosen IS NULL AND roll_back.tables IS NULL THEN
        SELECT array_agg(p.table_schema || '.' || p.table_name) INTO chosen FROM refresh.refresh_publish p
        WHERE p.run_id = roll_back.run_id;
    END IF;
    SELECT string_agg(wanted, ', ') INTO unknown FROM unnest(roll_back.tables) AS wanted
    WHERE wanted IS NULL OR wanted <> ALL (coalesce(chosen, '{}'));
    IF chosen IS NULL OR unknown IS NOT NULL THEN
        RAISE EXCEPTION 'run % has published no rows%', roll_back.run_id, coalesce(' of ' || unknown, '')
            USING ERRCODE = 'no_data_found', HINT = 'What can be taken back stands in refresh.refresh_publish. '
                'Materialized views follow the tables that they are computed from.';
    END IF;
    PERFORM FROM refresh.refresh_table_registry r
    WHERE r.table_schema || '.' || r.table_name = ANY (chosen)
        OR (r.table_schema, r.table_name) IN (SELECT view_schema, view_name FROM refresh.views_over(chosen))
    ORDER BY r.table_schema, r.table_name
    FOR NO KEY UPDATE;
    PERFORM refresh.check_rollback(roll_back.run_id, chosen, roll_back.tables);
    FOR publish IN
        SELECT * FROM refresh.refresh_publish p
        WHERE p.run_id = roll_back.run_id AND p.table_schema || '.' || p.table_name = ANY (chosen)
        ORDER BY p.table_schema, p.table_name
    LOOP
        EXECUTE format('LOCK TABLE %I.%I IN SHARE ROW EXCLUSIVE MODE', publish.table_schema, publish.table_name);
        PERFORM refresh.put_rows_back(publish);
        PERFORM refresh.put_state_back(publish);
        UPDATE refresh.refresh_publish p SET rolled_back_by = roll_back.requested_by, rollback_reason = roll_back.reason
        WHERE p.publish_id = publish.publish_id RETURNING * INTO publish;
        PERFORM refresh.tell_rollback(publish);
        RETURN NEXT publish;
    END LOOP;
    PERFORM refresh.refresh_views_over(chosen, roll_back.run_id);
    INSERT INTO refresh.refresh_audit_log (run_id, event, details)
    VALUES (roll_back.run_id, 'run_rolled_back', jsonb_build_object('by', roll_back.requested_by, 'database_user', session_user,
        'reason', roll_back.reason, 'tables', to_jsonb(chosen)));
END $$;
COMMENT ON FUNCTION refresh.roll_back IS
    'Takes a run''s publishes back, of the named tables (schema.table) or of all, in one transaction, and refreshes the materialized views over them. Returns what was taken back; refuses with the runs that have to be taken back before.';

CREATE FUNCTION refresh.tell_rollback(publish refresh.refresh_publish) RETURNS void LANGUAGE sql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, rows_inserted, rows_updated, rows_deleted, details)
VALUES (publish.run_id, publish.table_schema, publish.table_name, 'table_rolled_back', publish.rows_inserted,
    publish.rows_updated, publish.rows_deleted, jsonb_build_object('by', publish.rolled_back_by,
        'database_user', session_user, 'reason', publish.rollback_reason, 'publish_id', publish.publish_id, 'published_at', publish.published_at));
INSERT INTO refresh.refresh_outbox (topic, payload)
VALUES ('refresh-events', jsonb_build_object(
    'id', gen_random_uuid(), 'type', 'refresh.warning',
    'occurred_at', to_char(publish.rolled_back_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'run_id', publish.run_id, 'table', publish.table_schema || '.' || publish.table_name,
    'data', jsonb_build_object('outcome', 'rolled_back', 'reason', publish.rollback_reason, 'by', publish.rolled_back_by,
        'rows_inserted', publish.rows_inserted, 'rows_updated', publish.rows_updated, 'rows_deleted', publish.rows_deleted)));
$$;

CREATE FUNCTION refresh.drop_undo(undo_days integer, undo_bytes bigint, as_of timestamptz) RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    surplus record;
    orphan text;
    dropped integer := 0;
    deferred integer := 0;
BEGIN
    FOR surplus IN
        WITH kept AS (
            SELECT p.publish_id, p.table_schema, p.table_name, p.published_at, r.rollback_publishes,
                row_number() OVER (PARTITION BY p.table_schema, p.table_name ORDER BY p.publish_id DESC) AS age,
                sum(p.undo_bytes) OVER (ORDER BY p.publish_id DESC) AS bytes_since
            FROM refresh.refresh_publish p
            JOIN refresh.refresh_table_registry r ON r.table_schema = p.table_schema AND r.table_name = p.table_name
            WHERE p.expired_at IS NULL AND p.rolled_back_at IS NULL
        )
        SELECT k.publish_id, k.table_schema, k.table_name FROM kept k
        WHERE k.published_at < as_of - make_interval(days => undo_days) OR k.age > k.rollback_publishes
            OR k.bytes_since > undo_bytes
        ORDER BY k.publish_id LIMIT 500
    LOOP
        BEGIN
            -- A publish or a rollback that is under way comes first; the next call sees to the rest.
            PERFORM FROM refresh.refresh_table_registry r
            WHERE r.table_schema = surplus.table_schema AND r.table_name = surplus.table_name
            FOR NO KEY UPDATE NOWAIT;
            PERFORM refresh.expire_publish(p.publish_id) FROM refresh.refresh_publish p
            WHERE p.publish_id = surplus.publish_id AND p.expired_at IS NULL AND p.rolled_back_at IS NULL;
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            deferred := deferred + 1;
        END;
    END LOOP;
    FOR orphan IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'refresh_undo'::regnamespace AND c.relkind = 'r'
            AND NOT EXISTS (SELECT FROM refresh.refresh_publish p WHERE p.undo_table = c.relname)
    LOOP
        EXECUTE format('DROP TABLE refresh_undo.%I', orphan);
    END LOOP;
    RETURN jsonb_build_object('publishes', dropped, 'publishes_deferred', deferred);
END $$;
COMMENT ON FUNCTION refresh.drop_undo IS
    'Throws away what publishes have overwritten: older than so many days, more than a table keeps, or more than so many bytes in all, the oldest first.';

-- As before, with what publishes have overwritten.
DROP FUNCTION refresh.cleanup;
CREATE FUNCTION refresh.cleanup(
    checkpoint_days integer DEFAULT 14,
    audit_months integer DEFAULT 13,
    quarantine_days integer DEFAULT 90,
    outbox_days integer DEFAULT 7,
    staging_hours integer DEFAULT 48,
    quality_days integer DEFAULT 400,
    batch_rows integer DEFAULT 100000,
    as_of timestamptz DEFAULT now(),
    undo_days integer DEFAULT 30,
    undo_bytes bigint DEFAULT 21474836480
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
        ('batch_rows', batch_rows), ('undo_days', undo_days), ('undo_bytes', undo_bytes)) AS given (name, value)
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
        || refresh.keep_audit_months(audit_months, as_of) || refresh.drop_undo(undo_days, undo_bytes, as_of);
END $$;
COMMENT ON FUNCTION refresh.cleanup IS
    'Removes, by age, what is no longer needed, at most batch_rows of a kind; returns counts. Tables in use are left for the next call.';

REVOKE EXECUTE ON FUNCTION refresh.roll_back, refresh.publishes_in_the_way, refresh.put_rows_back, refresh.put_rows_back_by_image,
    refresh.put_state_back, refresh.rows_by_scope, refresh.refresh_views_over, refresh.tell_rollback, refresh.check_rollback,
    refresh.drop_undo, refresh.cleanup FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.cleanup TO refresh_loader;
GRANT EXECUTE ON FUNCTION refresh.roll_back, refresh.publishes_in_the_way TO refresh_api;
