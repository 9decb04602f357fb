-- What is decided about a delivery that was held: released, by a run that publishes it, or refused, so that it stays held
-- whenever it comes again. Terminal tasks never change, so both are kept beside them.

ALTER TABLE refresh.refresh_partition_state ADD COLUMN refused_why jsonb NOT NULL DEFAULT '{}'
    CHECK (jsonb_typeof(refused_why) = 'object');
COMMENT ON COLUMN refresh.refresh_partition_state.refused_fingerprint IS
    'What was taken back or refused last, and is not published again by itself; empty: that the scope had vanished.';
COMMENT ON COLUMN refresh.refresh_partition_state.refused IS
    'Everything taken back or refused since the last publish: JSON object, fingerprint to definition hash.';
COMMENT ON COLUMN refresh.refresh_partition_state.refused_why IS
    'JSON object, fingerprint to "refused" for what was refused while it was held; the others were taken back.';
COMMENT ON TABLE refresh.refresh_partition_state IS
    'A scope value of a target table as last published; fingerprint NULL: the scope had vanished, or was never published.';

ALTER TABLE refresh.refresh_task_scope ADD COLUMN published_rows bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN refresh.refresh_task_scope.published_rows IS 'Rows that were published of the scope when the plan was made.';

CREATE TABLE refresh.refresh_refusal (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    refused_by text NOT NULL,
    reason text NOT NULL CHECK (reason <> ''),
    scopes integer NOT NULL,
    refused_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, table_schema, table_name),
    FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task
);
COMMENT ON TABLE refresh.refresh_refusal IS 'A held delivery that somebody has refused, and why.';

CREATE INDEX refresh_run_release ON refresh.refresh_run ((request ->> 'release_of')) WHERE request ? 'release_of';

CREATE FUNCTION refresh.held_scopes(the_task refresh.refresh_task) RETURNS SETOF refresh.refresh_task_scope
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT s.* FROM refresh.refresh_task_scope s
WHERE s.run_id = the_task.run_id AND s.table_schema = the_task.table_schema AND s.table_name = the_task.table_name
    AND (s.action = 'held' AND the_task.status IN ('held', 'warning')
        OR s.action IN ('changed', 'vanished') AND the_task.status = 'held')
$$;
COMMENT ON FUNCTION refresh.held_scopes IS 'What a run has kept from being published of a table: all that changed, or the scopes that a check has held.';

-- The rule of the last look before a publish (shared/planning/settlement.py), so that a release is refused rather than skipped.
CREATE FUNCTION refresh.is_superseded(held refresh.refresh_task_scope, held_snapshot timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(p.snapshot_at > held_snapshot, false) OR (p.fingerprint IS NULL AND EXISTS (
    SELECT FROM refresh.refresh_task t JOIN refresh.refresh_run n USING (run_id)
    WHERE t.table_schema = held.table_schema AND t.table_name = held.table_name AND n.snapshot_at > held_snapshot
        AND t.status IN ('success', 'no_new_data', 'warning')
        AND (t.scan_from IS NULL OR held.scope COLLATE "C" >= t.scan_from COLLATE "C")))
FROM (VALUES (1)) AS one
LEFT JOIN refresh.refresh_partition_state p
    ON p.table_schema = held.table_schema AND p.table_name = held.table_name AND p.scope IS NOT DISTINCT FROM held.scope
$$;

CREATE FUNCTION refresh.refuse_decision(code text, problem text, remedy text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', problem USING ERRCODE = code, HINT = remedy;
END $$;

-- The locks are those of whoever asks for a run, and of whoever publishes the table: nothing moves while it is decided.
CREATE FUNCTION refresh.hold_to_decide("table" text, run_id uuid) RETURNS refresh.refresh_task LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    entry refresh.refresh_table_registry;
    task refresh.refresh_task;
    snapshot timestamptz;
    other uuid;
    refusal refresh.refresh_refusal;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('refresh.request_run', 0));
    SELECT r.* INTO entry FROM refresh.refresh_table_registry r
    WHERE r.table_schema || '.' || r.table_name = hold_to_decide."table" FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not registered: %', "table" USING ERRCODE = 'undefined_table', HINT = 'Name the table as schema.table.';
    END IF;
    IF entry.mode <> 'live' THEN
        PERFORM refresh.refuse_decision('RF004', format('%s has mode %s', "table", entry.mode), 'Set mode to live first.');
    END IF;
    SELECT n.run_id INTO other FROM refresh.refresh_run n
    WHERE n.status = 'running' AND CASE
        WHEN n.planned_at IS NULL THEN n.request -> 'tables' IS NULL OR n.request -> 'tables' ? "table"
        ELSE EXISTS (
            SELECT FROM refresh.refresh_task t
            WHERE t.run_id = n.run_id AND t.table_schema = entry.table_schema AND t.table_name = entry.table_name
                AND t.status IN ('queued', 'running'))
        END
    LIMIT 1;
    IF FOUND THEN
        PERFORM refresh.refuse_decision('RF003', format('%s is being refreshed by run %s', "table", other),
            'Wait for it to end, then look whether the table is still held.');
    END IF;
    -- Without a run, the latest that published, found nothing new, or was held; a try that failed does not hide a hold.
    SELECT t.* INTO task FROM refresh.refresh_task t
    WHERE t.table_schema = entry.table_schema AND t.table_name = entry.table_name
        AND (t.run_id = hold_to_decide.run_id OR hold_to_decide.run_id IS NULL
            AND t.status IN ('success', 'no_new_data', 'warning', 'held') AND t.mode = 'live')
    ORDER BY t.finished_at DESC LIMIT 1;
    IF task.run_id IS NULL OR task.status NOT IN ('held', 'warning')
        OR task.status = 'warning' AND NOT EXISTS (SELECT FROM refresh.held_scopes(task)) THEN
        PERFORM refresh.refuse_decision('RF001', CASE
            WHEN hold_to_decide.run_id IS NULL THEN
                format('%s is not held: %s', "table", coalesce('its latest run ended as ' || task.status, 'it was never refreshed'))
            WHEN task.run_id IS NULL THEN format('run %s has no table %s', hold_to_decide.run_id, "table")
            ELSE format('run %s holds nothing of %s: it ended as %s', task.run_id, "table", task.status) END,
            'See the runs of the table for the one that was held.');
    END IF;
    IF NOT EXISTS (
        SELECT FROM refresh.refresh_data_quality q
        WHERE q.run_id = task.run_id AND q.table_schema = task.table_schema AND q.table_name = task.table_name
            AND q.outcome = 'hold' AND NOT q.passed)
        OR task.mode <> 'live' THEN
        PERFORM refresh.refuse_decision('RF005', format('run %s of %s was held for %s, which no decision about its data can lift',
            task.run_id, "table", task.reason), 'Mend the cause as the error of the run says, then run the table again.');
    END IF;
    SELECT f.* INTO refusal FROM refresh.refresh_refusal f
    WHERE f.run_id = task.run_id AND f.table_schema = task.table_schema AND f.table_name = task.table_name;
    IF FOUND THEN
        PERFORM refresh.refuse_decision('RF007', format('%s refused run %s of %s at %s: %s', refusal.refused_by, task.run_id, "table",
            to_char(refusal.refused_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), refusal.reason),
            'Run the table again: what comes as it was refused is held anew, and that run can be released.');
    END IF;
    SELECT t.run_id INTO other FROM refresh.refresh_run n JOIN refresh.refresh_task t USING (run_id)
    WHERE n.request ->> 'release_of' = task.run_id::text AND n.request ->> 'release' = "table"
        AND t.table_schema = task.table_schema AND t.table_name = task.table_name
        AND t.status IN ('success', 'no_new_data', 'warning') LIMIT 1;
    IF FOUND THEN
        PERFORM refresh.refuse_decision('RF006', format('run %s has released what run %s held of %s', other, task.run_id, "table"),
            'Nothing more has to be done.');
    END IF;
    IF NOT EXISTS (SELECT FROM refresh.held_scopes(task)) THEN
        PERFORM refresh.refuse_decision('RF008', format('what run %s held of %s is not kept any more', task.run_id, "table"),
            'Run the table again.');
    END IF;
    SELECT n.snapshot_at INTO snapshot FROM refresh.refresh_run n WHERE n.run_id = task.run_id;
    IF NOT EXISTS (SELECT FROM refresh.held_scopes(task) s WHERE NOT refresh.is_superseded(s, snapshot)) THEN
        PERFORM refresh.refuse_decision('RF002', format('newer data of %s was published after run %s was held', "table", task.run_id),
            'Nothing of it is to be decided any more.');
    END IF;
    RETURN task;
END $$;
COMMENT ON FUNCTION refresh.hold_to_decide IS
    'The held task (of the run, or the latest), locked; an error with SQLSTATE RF… says why there is nothing to decide.';

-- Tables that were skipped for want of this one, and what is computed from them: a release brings them up to date.
CREATE FUNCTION refresh.tables_behind(task refresh.refresh_task) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH RECURSIVE behind (table_schema, table_name) AS (
    SELECT task.table_schema, task.table_name
    UNION
    SELECT r.table_schema, r.table_name
    FROM behind b
    JOIN refresh.refresh_dependency d ON (d.depends_on_schema, d.depends_on_name) = (b.table_schema, b.table_name)
    JOIN refresh.refresh_table_registry r ON (r.table_schema, r.table_name) = (d.table_schema, d.table_name)
    LEFT JOIN refresh.refresh_task t
        ON (t.table_schema, t.table_name) = (r.table_schema, r.table_name) AND t.run_id = task.run_id
    WHERE r.mode = 'live' AND (r.handler = 'summaries'
        OR d.kind = 'hard' AND t.status = 'skipped' AND NOT EXISTS (
            SELECT FROM refresh.refresh_run n
            WHERE n.run_id = task.run_id AND r.scanned_snapshot_at > n.snapshot_at))
)
SELECT table_schema || '.' || table_name FROM behind ORDER BY 1
$$;

CREATE FUNCTION refresh.release(
    "table" text, run_id uuid DEFAULT NULL, requested_by text DEFAULT current_user, idempotency_key text DEFAULT NULL,
    request_hash text DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    task refresh.refresh_task := refresh.hold_to_decide("table", run_id);
    the_run uuid := gen_random_uuid();
    snapshot timestamptz;
BEGIN
    SELECT n.snapshot_at INTO snapshot FROM refresh.refresh_run n WHERE n.run_id = task.run_id;
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key, request_hash)
    VALUES (the_run, 'manual', release.requested_by, jsonb_build_object(
            'tables', ARRAY(SELECT refresh.tables_behind(task)), 'release', "table", 'release_of', task.run_id, 'snapshot_at', snapshot),
        coalesce(release.idempotency_key, 'manual:' || the_run), release.request_hash);
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', the_run));
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, details)
    VALUES (task.run_id, task.table_schema, task.table_name, 'hold_released',
        refresh.actor() || jsonb_build_object('by', release.requested_by, 'released_by_run', the_run));
    RETURN the_run;
END $$;
COMMENT ON FUNCTION refresh.release IS
    'Asks for a run that publishes what a run (by default the latest) has held of a table (schema.table), as it was shown. Returns the new run''s id.';

CREATE FUNCTION refresh.refuse(
    "table" text, reason text, run_id uuid DEFAULT NULL, requested_by text DEFAULT current_user
) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    task refresh.refresh_task := refresh.hold_to_decide("table", run_id);
    n integer;
BEGIN
    IF coalesce(btrim(refuse.reason), '') = '' THEN
        RAISE EXCEPTION 'a refusal needs a reason' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Say in a sentence what is wrong with the delivery.';
    END IF;
    -- A scope that was never published gets a state that no run takes for a publish: empty, and older than any snapshot.
    INSERT INTO refresh.refresh_partition_state AS p (table_schema, table_name, scope, fingerprint, definition_hash, snapshot_at,
        rows, run_id, refused_fingerprint, refused, refused_why, refused_at)
    SELECT s.table_schema, s.table_name, s.scope, s.published_fingerprint, '', to_timestamp(0), s.published_rows, s.run_id,
        coalesce(s.fingerprint, ''), jsonb_build_object(coalesce(s.fingerprint, ''), task.definition_hash),
        jsonb_build_object(coalesce(s.fingerprint, ''), 'refused'), clock_timestamp()
    FROM refresh.held_scopes(task) s
    ON CONFLICT (table_schema, table_name, scope) DO UPDATE
    SET refused_fingerprint = excluded.refused_fingerprint, refused = p.refused || excluded.refused,
        refused_why = p.refused_why || excluded.refused_why, refused_at = excluded.refused_at;
    GET DIAGNOSTICS n = ROW_COUNT;
    INSERT INTO refresh.refresh_refusal (run_id, table_schema, table_name, refused_by, reason, scopes)
    VALUES (task.run_id, task.table_schema, task.table_name, refuse.requested_by, refuse.reason, n);
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, details)
    VALUES (task.run_id, task.table_schema, task.table_name, 'hold_refused',
        refresh.actor() || jsonb_build_object('by', refuse.requested_by, 'why', refuse.reason, 'scopes', n));
    IF task.staging_table IS NOT NULL THEN
        EXECUTE format('DROP TABLE IF EXISTS refresh_staging.%I', task.staging_table);
    END IF;
    DELETE FROM refresh.refresh_task_definition d
    WHERE (d.run_id, d.table_schema, d.table_name) = (task.run_id, task.table_schema, task.table_name);
    RETURN n;
END $$;
COMMENT ON FUNCTION refresh.refuse IS
    'Refuses what a run (by default the latest) has held of a table (schema.table): the same content is held again without being asked about. Returns how many scopes.';

REVOKE EXECUTE ON FUNCTION refresh.release, refresh.refuse FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.release, refresh.refuse TO refresh_api;

CREATE OR REPLACE FUNCTION refresh.check_quality_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule record;
BEGIN
    FOR rule IN SELECT key, value FROM jsonb_each(NEW.checks) LOOP
        IF jsonb_typeof(rule.value) = 'object' THEN
            IF rule.value - ARRAY['max', 'outcome'] <> '{}' OR rule.value = '{}'
                OR coalesce(jsonb_typeof(rule.value -> 'max') <> 'number', false)
                OR coalesce((rule.value ->> 'max')::numeric NOT BETWEEN 0 AND 1, false)
                OR coalesce(rule.value ->> 'outcome' NOT IN ('warn', 'hold', 'off'), false) THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    'Write a check as {"max": most rows allowed, as a fraction from 0 to 1, "outcome": "warn", "hold" or "off"}.');
            END IF;
        ELSIF rule.key IN ('expected_days', 'stale_days') THEN
            IF jsonb_typeof(rule.value) <> 'number' OR rule.value::numeric NOT BETWEEN 0 AND 100000 OR rule.value::numeric % 1 <> 0 THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    format('Set %s to a number of days, 0 or more.', rule.key));
            END IF;
        ELSIF rule.key = 'max_deleted_share' THEN
            IF jsonb_typeof(rule.value) <> 'number' OR rule.value::numeric NOT BETWEEN 0 AND 1 THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    'Set max_deleted_share to a fraction from 0 to 1.');
            END IF;
        ELSIF rule.key NOT IN ('table_min_ratio', 'scope_min_ratio', 'scope_history') THEN
            PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                'Numbers are table_min_ratio, scope_min_ratio, scope_history, max_deleted_share, expected_days and stale_days; '
                'any other check is an object with "max" and "outcome".');
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
COMMENT ON COLUMN refresh.refresh_table_registry.checks IS
    'Thresholds of the gates: table_min_ratio, max_deleted_share, scope_min_ratio, scope_history; the data''s own checks by name, {"max": fraction of rows, "outcome": "warn", "hold" or "off"}; expected_days and stale_days after a period''s end.';
