-- Schema drift: what a source looked like when its table was last published, what is done about each kind of change, and
-- the safe changes of a target, which its publish makes with the rights of the owner.

ALTER TABLE refresh.refresh_table_registry
    ADD COLUMN drift_policies jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(drift_policies) = 'object');
COMMENT ON COLUMN refresh.refresh_table_registry.drift_policies IS
    'JSON object, kind of change at the source (added, dropped, renamed, widened, narrowed, retyped, nullability) to evolve, ignore or hold; the usual policy where absent.';
GRANT UPDATE (drift_policies) ON refresh.refresh_table_registry TO refresh_api;

CREATE FUNCTION refresh.check_drift_policies() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong record;
BEGIN
    FOR wrong IN
        SELECT given.key, given.value FROM jsonb_each(NEW.drift_policies) AS given
        WHERE given.key NOT IN ('added', 'dropped', 'renamed', 'widened', 'narrowed', 'retyped', 'nullability')
            OR given.value NOT IN ('"evolve"', '"ignore"', '"hold"')
    LOOP
        PERFORM refresh.refuse_registration(NEW, 'drift_policies', format('has %s for %s', wrong.value, wrong.key),
            'Give "evolve", "ignore" or "hold" for added, dropped, renamed, widened, narrowed, retyped or nullability.');
    END LOOP;
    RETURN NEW;
END $$;
CREATE TRIGGER check_drift_policies BEFORE INSERT OR UPDATE OF drift_policies ON refresh.refresh_table_registry
FOR EACH ROW WHEN (jsonb_typeof(NEW.drift_policies) = 'object') EXECUTE FUNCTION refresh.check_drift_policies();

CREATE TABLE refresh.refresh_source_schema (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    source text NOT NULL,
    columns jsonb NOT NULL CHECK (jsonb_typeof(columns) = 'array'),
    snapshot_at timestamptz NOT NULL,
    run_id uuid NOT NULL REFERENCES refresh.refresh_run,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (table_schema, table_name),
    FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry ON DELETE CASCADE
);
COMMENT ON TABLE refresh.refresh_source_schema IS
    'A source''s columns as of the last publish of its table: what differs from them is drift.';
GRANT INSERT, UPDATE ON refresh.refresh_source_schema TO refresh_loader;

CREATE FUNCTION refresh.can_widen(before text, after text) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE
    WHEN before ~ '^character varying\(\d+\)$' THEN after = 'text' OR (after ~ '^character varying\(\d+\)$'
        AND substring(after FROM '\d+')::bigint > substring(before FROM '\d+')::bigint)
    WHEN before ~ '^numeric\(\d+,\d+\)$' THEN after = 'numeric' OR (after ~ '^numeric\(\d+,\d+\)$'
        AND (regexp_match(after, '(\d+),(\d+)'))[2]::integer >= (regexp_match(before, '(\d+),(\d+)'))[2]::integer
        AND (regexp_match(after, '(\d+),(\d+)'))[1]::integer - (regexp_match(after, '(\d+),(\d+)'))[2]::integer
            >= (regexp_match(before, '(\d+),(\d+)'))[1]::integer - (regexp_match(before, '(\d+),(\d+)'))[2]::integer)
    WHEN before IN ('smallint', 'integer', 'bigint') THEN after = 'numeric'
        OR (before, after) IN (('smallint', 'integer'), ('smallint', 'bigint'), ('integer', 'bigint'))
    ELSE false
END
$$;
COMMENT ON FUNCTION refresh.can_widen IS 'Whether every value of a type, as format_type() writes it, stays itself in the other.';

-- A table that is written anew looks empty to a transaction that took its snapshot before. Nobody may have one: for short
-- transactions the caller waits and tries again, as for a lock.
CREATE FUNCTION refresh.refuse_old_snapshots(relation regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM pg_stat_activity
    WHERE datid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND backend_type = 'client backend' AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid();
    IF FOUND THEN
        RAISE EXCEPTION '% cannot be written anew while other transactions read as of an earlier moment', relation
            USING ERRCODE = 'lock_not_available';
    END IF;
END $$;

CREATE FUNCTION refresh.evolve_table(table_schema text, table_name text, changes jsonb, run_id uuid DEFAULT NULL)
RETURNS text[] LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass := to_regclass(format('%I.%I', table_schema, table_name));
    wanted record;
    now_type text;
    now_not_null boolean;
    action text;
    done text[] := '{}';
BEGIN
    IF relation IS NULL OR NOT EXISTS (
        SELECT FROM refresh.refresh_table_registry r
        WHERE (r.table_schema, r.table_name) = (evolve_table.table_schema, evolve_table.table_name)
            AND r.handler = 'generic' AND r.mode <> 'disabled'
    ) THEN
        RAISE EXCEPTION '%.% is not registered with handler generic', table_schema, table_name
            USING ERRCODE = 'insufficient_privilege', HINT = 'Only tables that are refreshed are evolved.';
    END IF;
    FOR wanted IN SELECT * FROM jsonb_to_recordset(changes) AS c (change text, "column" text, type text) LOOP
        SELECT format_type(a.atttypid, a.atttypmod), a.attnotnull INTO now_type, now_not_null
        FROM pg_attribute a
        WHERE a.attrelid = relation AND a.attname = wanted."column" AND a.attnum > 0 AND NOT a.attisdropped;
        action := CASE
            WHEN wanted.change = 'add_column' AND now_type IS NULL AND wanted.type ~ ('^(text|bigint|double precision|boolean|'
                'numeric|bytea|date|time without time zone|timestamp without time zone|timestamp with time zone|interval)'
                '(\[\])?$|^(jsonb|daterange|tsrange|tstzrange)$')
                THEN format('ADD COLUMN %I %s', wanted."column", wanted.type)
            WHEN wanted.change = 'widen_column' AND refresh.can_widen(now_type, wanted.type)
                THEN format('ALTER COLUMN %I TYPE %s', wanted."column", wanted.type)
            WHEN wanted.change = 'drop_not_null' AND now_not_null
                THEN format('ALTER COLUMN %I DROP NOT NULL', wanted."column")
        END;
        IF action IS NOT NULL THEN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relation);
            IF wanted.change = 'widen_column'
                AND (split_part(now_type, '(', 1) NOT IN ('character varying', 'numeric')
                    OR (wanted.type <> 'numeric' AND now_type LIKE 'numeric%'
                        AND split_part(now_type, ',', 2) <> split_part(wanted.type, ',', 2))) THEN
                PERFORM refresh.refuse_old_snapshots(relation);
            END IF;
            EXECUTE format('ALTER TABLE %s %s', relation, action);
            done := done || format('ALTER TABLE %I.%I %s', table_schema, table_name, action);
        ELSIF now_type IS DISTINCT FROM coalesce(wanted.type, now_type) OR now_type IS NULL THEN
            RAISE EXCEPTION '%.%: % of % from % to % is no safe change', table_schema, table_name, wanted.change,
                wanted."column", coalesce(now_type, 'nothing'), wanted.type USING ERRCODE = 'feature_not_supported',
                HINT = 'Safe are a new column that may be NULL, a wider type, and NOT NULL dropped.';
        END IF;
    END LOOP;
    IF done <> '{}' THEN
        INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, details)
        VALUES (evolve_table.run_id, evolve_table.table_schema, evolve_table.table_name, 'schema_evolved',
            jsonb_build_object('ddl', to_jsonb(done)));
    END IF;
    RETURN done;
END $$;
COMMENT ON FUNCTION refresh.evolve_table IS
    'Makes safe changes of a refreshed table with the rights of its owner: [{"change": "add_column", "widen_column" or "drop_not_null", "column": …, "type": …}]. What is done already is left alone; returns what was done.';
REVOKE EXECUTE ON FUNCTION refresh.evolve_table FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.evolve_table TO refresh_loader;

DROP FUNCTION refresh.register_table;
CREATE FUNCTION refresh.register_table(
    table_schema text,
    table_name text,
    source text DEFAULT NULL,
    handler text DEFAULT 'generic',
    column_map jsonb DEFAULT '{}',
    key_columns text[] DEFAULT '{}',
    scope_column text DEFAULT NULL,
    scope_bucket text DEFAULT NULL,
    strategy text DEFAULT 'merge',
    mode text DEFAULT 'live',
    priority integer DEFAULT 100,
    frequency_hours integer DEFAULT 24,
    lookback integer DEFAULT NULL,
    slice_target_rows integer DEFAULT 250000,
    parallelism integer DEFAULT 1,
    max_bytes_billed bigint DEFAULT NULL,
    checks jsonb DEFAULT '{}',
    nul_policies jsonb DEFAULT '{}',
    loaded_at_column text DEFAULT NULL,
    depends_on jsonb DEFAULT NULL,
    rollback_publishes integer DEFAULT 7,
    drift_policies jsonb DEFAULT '{}'
) RETURNS refresh.refresh_table_registry LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
SELECT * FROM refresh.register_options(table_schema, table_name, jsonb_build_object(
    'source', source, 'handler', handler, 'column_map', column_map, 'key_columns', key_columns,
    'scope_column', scope_column, 'scope_bucket', scope_bucket, 'strategy', strategy, 'mode', mode,
    'priority', priority, 'frequency_hours', frequency_hours, 'lookback', lookback,
    'slice_target_rows', slice_target_rows, 'parallelism', parallelism, 'max_bytes_billed', max_bytes_billed,
    'checks', checks, 'nul_policies', nul_policies, 'loaded_at_column', loaded_at_column, 'depends_on', depends_on,
    'rollback_publishes', rollback_publishes, 'drift_policies', drift_policies))
$$;
COMMENT ON FUNCTION refresh.register_table IS
    'Registers a table, or sets its whole configuration anew. depends_on: {"schema.name": "hard" or "soft"}; NULL leaves the dependencies as they are.';
