-- Backfill: a range of scopes of one table, loaded behind the daily runs, in one run that publishes at the end, or in one run
-- after another that each publish what they have.

CREATE TABLE refresh.refresh_backfill (
    backfill_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    table_schema text NOT NULL,
    table_name text NOT NULL,
    scope_from date NOT NULL,
    scope_to date NOT NULL,
    visible text NOT NULL CHECK (visible IN ('slice', 'end')),
    requested_by text NOT NULL,
    status text NOT NULL DEFAULT 'running' CHECK (status IN
        ('running', 'success', 'no_new_data', 'warning', 'held', 'failed', 'cancelled')),
    reason text,
    error text,
    run_id uuid NOT NULL REFERENCES refresh.refresh_run,
    snapshot_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    planned_at timestamptz,
    finished_at timestamptz,
    FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry,
    CHECK (scope_from <= scope_to),
    CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX refresh_backfill_running ON refresh.refresh_backfill (table_schema, table_name) WHERE status = 'running';
CREATE INDEX refresh_backfill_table ON refresh.refresh_backfill (table_schema, table_name, created_at DESC);
COMMENT ON TABLE refresh.refresh_backfill IS 'A range of scope values of a table that somebody wants loaded. run_id: the run that is at it, or was last.';
COMMENT ON COLUMN refresh.refresh_backfill.snapshot_at IS 'The newest snapshot that it has published of.';

CREATE TABLE refresh.refresh_backfill_batch (
    backfill_id uuid NOT NULL REFERENCES refresh.refresh_backfill ON DELETE CASCADE,
    batch_no integer NOT NULL,
    scope_from date NOT NULL,
    scope_to date NOT NULL,
    scopes integer NOT NULL,
    rows bigint NOT NULL,
    run_id uuid REFERENCES refresh.refresh_run,
    PRIMARY KEY (backfill_id, batch_no)
);
COMMENT ON TABLE refresh.refresh_backfill_batch IS 'A part of a backfill that is visible slice by slice: what one run loads and publishes.';
GRANT INSERT, UPDATE ON refresh.refresh_backfill, refresh.refresh_backfill_batch TO refresh_loader;

CREATE FUNCTION refresh.insert_backfill_run(
    backfill uuid, "table" text, scope_from date, scope_to date, requested_by text, only_plan boolean,
    idempotency_key text DEFAULT NULL, request_hash text DEFAULT NULL
) RETURNS uuid LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
WITH run AS (
    INSERT INTO refresh.refresh_run (trigger, requested_by, request, idempotency_key, request_hash)
    SELECT 'manual', requested_by, jsonb_strip_nulls(jsonb_build_object('tables', jsonb_build_array("table"),
            'mode', CASE WHEN only_plan THEN 'plan' ELSE 'live' END,
            'backfill', jsonb_build_object('id', backfill, 'from', scope_from, 'to', scope_to))),
        coalesce(idempotency_key, 'backfill:' || gen_random_uuid()), request_hash
    RETURNING run_id
), owed AS (
    INSERT INTO refresh.refresh_outbox (topic, payload)
    SELECT 'refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', run_id) FROM run
)
SELECT run_id FROM run
$$;

CREATE FUNCTION refresh.request_backfill(
    "table" text, "from" date, "to" date, visible text DEFAULT 'end', requested_by text DEFAULT current_user,
    idempotency_key text DEFAULT NULL, request_hash text DEFAULT NULL
) RETURNS uuid LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry refresh.refresh_table_registry;
    type text;
    made uuid := gen_random_uuid();
BEGIN
    SELECT * INTO entry FROM refresh.refresh_table_registry r WHERE r.table_schema || '.' || r.table_name = "table";
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not registered: %', "table"
            USING ERRCODE = 'undefined_table', HINT = 'Register the table first, or name it as schema.table.';
    END IF;
    type := refresh.column_type(to_regclass(format('%I.%I', entry.table_schema, entry.table_name)), entry.scope_column);
    IF entry.mode <> 'live' OR type IS NULL OR type NOT IN ('date', 'timestamp', 'timestamptz')
        OR starts_with(entry.scope_bucket, 'hash:') OR entry.strategy = 'replace' THEN
        RAISE EXCEPTION '%: a backfill needs a live table whose scopes are dates', "table"
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Set scope_column to a date, mode to live, and strategy to merge or append; or refresh the table as a whole.';
    END IF;
    IF "from" IS NULL OR "to" IS NULL OR "from" > "to" OR visible IS NULL OR visible NOT IN ('slice', 'end') THEN
        RAISE EXCEPTION '%: cannot be filled from % to %, visible at each %', "table", "from", "to", visible
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Name two days, the first one first, and visible slice or end.';
    END IF;
    IF EXISTS (SELECT FROM refresh.refresh_backfill b WHERE b.status = 'running'
        AND (b.table_schema, b.table_name) = (entry.table_schema, entry.table_name)) THEN
        RAISE EXCEPTION '%: is being filled already', "table" USING ERRCODE = 'object_in_use',
            HINT = 'Wait for the end of that backfill, or cancel it: refresh.cancel_backfill.';
    END IF;
    INSERT INTO refresh.refresh_backfill (backfill_id, table_schema, table_name, scope_from, scope_to, visible, requested_by, run_id)
    VALUES (made, entry.table_schema, entry.table_name, "from", "to", visible, request_backfill.requested_by,
        refresh.insert_backfill_run(made, "table", "from", "to", request_backfill.requested_by, visible = 'slice',
            request_backfill.idempotency_key, request_backfill.request_hash));
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES (entry.table_schema, entry.table_name, 'backfill_requested', refresh.actor() || jsonb_build_object(
        'by', request_backfill.requested_by, 'backfill', made, 'from', "from", 'to', "to", 'visible', visible));
    RETURN made;
END $$;
COMMENT ON FUNCTION refresh.request_backfill IS
    'Asks for the scopes of a table (schema.table) from one day to another, behind the daily runs. visible: slice (published part by part) or end (all at once). Returns the backfill''s id.';

CREATE FUNCTION refresh.cancel_backfill(backfill uuid, requested_by text DEFAULT current_user) RETURNS boolean LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended refresh.refresh_backfill;
BEGIN
    UPDATE refresh.refresh_backfill b SET status = 'cancelled', reason = 'cancelled', finished_at = clock_timestamp()
    WHERE b.backfill_id = backfill AND b.status = 'running' RETURNING * INTO ended;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE refresh.refresh_task t SET status = 'skipped', reason = 'cancelled', slices_open = 0
    WHERE t.run_id = ended.run_id AND t.status IN ('queued', 'running');
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, details)
    VALUES (ended.run_id, ended.table_schema, ended.table_name, 'backfill_cancelled',
        refresh.actor() || jsonb_build_object('by', cancel_backfill.requested_by, 'backfill', backfill));
    RETURN true;
END $$;
COMMENT ON FUNCTION refresh.cancel_backfill IS
    'Ends a backfill: what it has published stays, what is under way is given up. False when it had ended, or is unknown.';
REVOKE EXECUTE ON FUNCTION refresh.request_backfill, refresh.cancel_backfill, refresh.insert_backfill_run FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.request_backfill, refresh.cancel_backfill TO refresh_api, refresh_loader;
GRANT EXECUTE ON FUNCTION refresh.insert_backfill_run TO refresh_loader;
