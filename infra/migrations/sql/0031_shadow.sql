-- Shadow mode: a table that another program fills is refreshed into a shadow of its own, with a state of its own, and
-- compared with the live one day by day, until it is promoted.

CREATE SCHEMA refresh_shadow;
COMMENT ON SCHEMA refresh_shadow IS 'Shadows of registered tables, named "schema.name"; each is dropped when its table is promoted.';
REVOKE ALL ON SCHEMA refresh_shadow FROM PUBLIC;
GRANT USAGE ON SCHEMA refresh_shadow TO refresh_loader;

ALTER TABLE refresh.refresh_table_registry
    ADD COLUMN shadow_clean_days integer NOT NULL DEFAULT 14,
    ADD COLUMN shadow_tolerances jsonb NOT NULL DEFAULT '{}';
COMMENT ON COLUMN refresh.refresh_table_registry.shadow_clean_days IS
    'Days in a row on which the shadow and the live table had to be equal before the table may be promoted.';
COMMENT ON COLUMN refresh.refresh_table_registry.shadow_tolerances IS
    'JSON object, target column to {"absolute": number}, {"relative": fraction}, both, or {"ignore": true}.';
GRANT UPDATE (shadow_clean_days, shadow_tolerances) ON refresh.refresh_table_registry TO refresh_api;

CREATE TABLE refresh.refresh_shadow (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    shadow_name text NOT NULL UNIQUE,
    shape text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    columns text[],
    key_columns text[],
    scope_column text,
    scope_bucket text,
    held_scopes text[] NOT NULL DEFAULT '{}',
    last_refreshed_at timestamptz,
    last_data_period text,
    data_version bigint NOT NULL DEFAULT 0,
    scanned_snapshot_at timestamptz,
    scanned_from text,
    promoted_by_transaction xid8,
    PRIMARY KEY (table_schema, table_name),
    FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry ON DELETE CASCADE
);
COMMENT ON TABLE refresh.refresh_shadow IS 'The shadow of a table, and how fresh it is; made by the first shadow run, and anew when the table''s columns change.';
COMMENT ON COLUMN refresh.refresh_shadow.shape IS 'The live table''s columns when the shadow was made.';
COMMENT ON COLUMN refresh.refresh_shadow.columns IS 'Target columns that the source feeds, as of the last refresh; so are key_columns, scope_column, scope_bucket.';
COMMENT ON COLUMN refresh.refresh_shadow.held_scopes IS 'Scopes that the last refresh of the shadow held.';

CREATE TABLE refresh.refresh_shadow_state (
    LIKE refresh.refresh_partition_state INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES,
    FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_shadow ON DELETE CASCADE
);
COMMENT ON TABLE refresh.refresh_shadow_state IS 'refresh_partition_state of the shadows; a promotion makes it the table''s.';

CREATE TABLE refresh.refresh_shadow_report (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    day date NOT NULL,
    run_id uuid NOT NULL,
    compared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    definition_hash text NOT NULL,
    rows_shadow bigint NOT NULL,
    rows_live bigint NOT NULL,
    missing bigint NOT NULL,
    extra bigint NOT NULL,
    differing bigint NOT NULL,
    scopes_held bigint NOT NULL,
    columns jsonb NOT NULL,
    scopes jsonb NOT NULL,
    samples jsonb NOT NULL,
    clean boolean GENERATED ALWAYS AS (missing = 0 AND extra = 0 AND differing = 0 AND scopes_held = 0) STORED,
    PRIMARY KEY (table_schema, table_name, day),
    FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry ON DELETE CASCADE
);
COMMENT ON TABLE refresh.refresh_shadow_report IS 'How a shadow and its live table differed; the last comparison of each day (UTC, of the run''s scheduled time).';
COMMENT ON COLUMN refresh.refresh_shadow_report.missing IS 'Rows of the shadow that the live table has not; extra: the other way round; differing: by key in both, with other values.';
COMMENT ON COLUMN refresh.refresh_shadow_report.columns IS 'JSON object, column to the number of rows that differ in it by more than its tolerance.';

GRANT INSERT, UPDATE, DELETE ON refresh.refresh_shadow_state TO refresh_loader;
GRANT UPDATE (columns, key_columns, scope_column, scope_bucket, held_scopes, last_refreshed_at, last_data_period, data_version,
    scanned_snapshot_at, scanned_from)
ON refresh.refresh_shadow TO refresh_loader;
GRANT INSERT, UPDATE ON refresh.refresh_shadow_report TO refresh_loader;

CREATE FUNCTION refresh.check_shadow_rules() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule record;
    relation regclass := to_regclass(format('%I.%I', NEW.table_schema, NEW.table_name));
BEGIN
    IF NEW.shadow_clean_days NOT BETWEEN 1 AND 365 OR NEW.shadow_clean_days IS NULL THEN
        PERFORM refresh.refuse_registration(NEW, 'shadow_clean_days', format('is %s', NEW.shadow_clean_days),
            'Set shadow_clean_days to a number of days from 1 to 365.');
    END IF;
    IF jsonb_typeof(NEW.shadow_tolerances) IS DISTINCT FROM 'object' THEN
        PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('is %s', NEW.shadow_tolerances),
            'Set shadow_tolerances to a JSON object from target column to {"absolute": …}, {"relative": …} or {"ignore": true}.');
    END IF;
    FOR rule IN
        SELECT key, value, refresh.column_type(relation, key) AS type FROM jsonb_each(NEW.shadow_tolerances) WHERE relation IS NOT NULL
    LOOP
        IF rule.type IS NULL THEN
            PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('names %s, which the table does not have', rule.key),
                format('Choose from its columns: %s.', refresh.column_names(relation)));
        ELSIF rule.key = ANY (NEW.key_columns) OR rule.key IS NOT DISTINCT FROM NEW.scope_column THEN
            PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('names %s, by which rows are told apart', rule.key),
                'Key and scope are compared as they are.');
        ELSIF rule.value = '{"ignore": true}' THEN
            CONTINUE;
        ELSIF jsonb_typeof(rule.value) <> 'object' OR rule.value = '{}' OR rule.value - ARRAY['absolute', 'relative'] <> '{}'
            OR EXISTS (SELECT FROM jsonb_each(rule.value) AS given
                WHERE jsonb_typeof(given.value) <> 'number' OR (given.value #>> '{}')::numeric < 0) THEN
            PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('has %s for %s', rule.value, rule.key),
                'Write {"absolute": number}, {"relative": fraction}, both of 0 or more, or {"ignore": true}.');
        ELSIF rule.type NOT IN ('int2', 'int4', 'int8', 'numeric', 'float4', 'float8') THEN
            PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('has %s for %s, which is of type %s', rule.value, rule.key, rule.type),
                'Numbers have a tolerance; any other column can only be left out, by {"ignore": true}.');
        ELSIF cardinality(NEW.key_columns) = 0 THEN
            PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('has %s for %s, and the table has no key', rule.value, rule.key),
                'Without a key rows are compared as a whole: leave the column out, by {"ignore": true}.');
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
-- After check_registration, which finds the key: triggers fire by name.
CREATE TRIGGER check_shadow_rules BEFORE INSERT OR UPDATE OF shadow_clean_days, shadow_tolerances, key_columns, scope_column ON refresh.refresh_table_registry
FOR EACH ROW EXECUTE FUNCTION refresh.check_shadow_rules();

CREATE FUNCTION refresh.shadow_name(of_schema text, of_name text) RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE WHEN octet_length(of_schema) + octet_length(of_name) < 63 THEN of_schema || '.' || of_name
    ELSE 'shadow_' || encode(substr(sha256(convert_to(of_schema || '.' || of_name, 'UTF8')), 1, 20), 'hex') END;

CREATE FUNCTION refresh.table_shape(relation regclass) RETURNS text LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END,
    ', ' ORDER BY attname)
    || coalesce('; ' || (SELECT string_agg(array_to_string(k, '+'), ', ' ORDER BY k) FROM refresh.unique_keys(relation) AS k), '')
FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
$$;
COMMENT ON FUNCTION refresh.table_shape IS 'Columns and unique keys of a table, as text that changes when they do.';

CREATE FUNCTION refresh.drop_shadow(of_schema text, of_name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS refresh_shadow.%I', refresh.shadow_name(of_schema, of_name));
    DELETE FROM refresh.refresh_shadow s WHERE s.table_schema = of_schema AND s.table_name = of_name;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.drop_shadow FROM PUBLIC;

-- A column that no source feeds takes what its default gives, but no sequence of the live table.
CREATE FUNCTION refresh.make_shadow(of_schema text, of_name text) RETURNS text LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass := to_regclass(format('%I.%I', of_schema, of_name));
    name text := refresh.shadow_name(of_schema, of_name);
    now_shaped text := refresh.table_shape(relation);
    serial record;
BEGIN
    IF EXISTS (
        SELECT FROM refresh.refresh_shadow s WHERE s.table_schema = of_schema AND s.table_name = of_name AND s.shape = now_shaped
            AND to_regclass(format('refresh_shadow.%I', name)) IS NOT NULL
    ) THEN
        RETURN name;
    END IF;
    PERFORM FROM refresh.refresh_table_registry r
    WHERE r.table_schema = of_schema AND r.table_name = of_name AND r.handler <> 'summaries' FOR NO KEY UPDATE;
    IF NOT FOUND OR relation IS NULL THEN
        RAISE EXCEPTION '%.% is not a registered table', of_schema, of_name USING ERRCODE = 'undefined_table',
            HINT = 'Register the table first. A materialized view has no shadow.';
    END IF;
    PERFORM refresh.drop_shadow(of_schema, of_name);
    EXECUTE format('CREATE TABLE refresh_shadow.%I (LIKE %s INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING GENERATED '
        'INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE)', name, relation);
    FOR serial IN
        SELECT a.attname FROM pg_attribute a JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        WHERE a.attrelid = relation AND a.attidentity = '' AND pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%'
    LOOP
        EXECUTE format('ALTER TABLE refresh_shadow.%1$I ALTER COLUMN %2$I DROP DEFAULT', name, serial.attname);
        IF NOT EXISTS (SELECT FROM refresh.unique_keys(relation) AS k WHERE serial.attname::text = ANY (k)) THEN
            EXECUTE format('ALTER TABLE refresh_shadow.%1$I ALTER COLUMN %2$I DROP NOT NULL', name, serial.attname);
        END IF;
    END LOOP;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_shadow.%I TO refresh_loader', name);
    INSERT INTO refresh.refresh_shadow (table_schema, table_name, shadow_name, shape) VALUES (of_schema, of_name, name, now_shaped);
    RETURN name;
END $$;
COMMENT ON FUNCTION refresh.make_shadow IS
    'Makes the shadow of a registered table, empty, unless there is one of the table''s shape; returns its name in refresh_shadow.';
REVOKE EXECUTE ON FUNCTION refresh.make_shadow FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.make_shadow TO refresh_loader;

-- From live to shadow another program takes over: what is known of the live table is no longer so, except that nothing
-- older may come after it. From shadow to live goes by promotion alone.
CREATE FUNCTION refresh.change_mode() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.mode = 'shadow' AND NEW.mode = 'live' AND NOT EXISTS (
        SELECT FROM refresh.refresh_shadow s
        WHERE s.table_schema = NEW.table_schema AND s.table_name = NEW.table_name AND s.promoted_by_transaction = pg_current_xact_id()
    ) THEN
        PERFORM refresh.refuse_registration(NEW, 'mode', 'is shadow, from which a table becomes live by promotion',
            format('SELECT refresh.promote(%L), or set mode to disabled first to give up its shadow.', NEW.table_schema || '.' || NEW.table_name));
    ELSIF NEW.mode = 'shadow' AND OLD.mode <> 'shadow' THEN
        NEW.scanned_snapshot_at := NULL;
        NEW.scanned_from := NULL;
        UPDATE refresh.refresh_partition_state p SET definition_hash = ''
        WHERE p.table_schema = NEW.table_schema AND p.table_name = NEW.table_name;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER change_mode BEFORE UPDATE ON refresh.refresh_table_registry
FOR EACH ROW WHEN (NEW.mode <> OLD.mode) EXECUTE FUNCTION refresh.change_mode();

CREATE FUNCTION refresh.clean_days(of_schema text, of_name text) RETURNS integer LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
WITH reports AS (
    SELECT r.day, r.clean AND r.definition_hash = first_value(r.definition_hash) OVER (ORDER BY r.day DESC) AS clean
    FROM refresh.refresh_shadow_report r JOIN refresh.refresh_shadow s USING (table_schema, table_name)
    WHERE r.table_schema = of_schema AND r.table_name = of_name AND r.compared_at >= s.created_at
)
SELECT count(*)::integer FROM reports WHERE day > coalesce((SELECT max(day) FROM reports WHERE NOT clean), '-infinity')
$$;
COMMENT ON FUNCTION refresh.clean_days IS
    'Days on which a shadow and its table were equal, since the last day on which they were not, under the definition of today. Days without a report do not count, and do not interrupt.';

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
            ('mode', entry.mode, entry.mode IN ('live', 'shadow', 'dry_run', 'disabled'), 'live, shadow, dry_run or disabled'),
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
    IF entry.mode IN ('shadow', 'dry_run') AND entry.handler = 'summaries' THEN
        PERFORM refresh.refuse_registration(entry, 'mode', format('%s is for tables, and this is a materialized view', entry.mode),
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
    drift_policies jsonb DEFAULT '{}',
    max_bytes_billed_per_day bigint DEFAULT NULL,
    shadow_clean_days integer DEFAULT 14,
    shadow_tolerances jsonb DEFAULT '{}'
) RETURNS refresh.refresh_table_registry LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
SELECT * FROM refresh.register_options(table_schema, table_name, jsonb_build_object(
    'source', source, 'handler', handler, 'column_map', column_map, 'key_columns', key_columns,
    'scope_column', scope_column, 'scope_bucket', scope_bucket, 'strategy', strategy, 'mode', mode,
    'priority', priority, 'frequency_hours', frequency_hours, 'lookback', lookback,
    'slice_target_rows', slice_target_rows, 'parallelism', parallelism, 'max_bytes_billed', max_bytes_billed,
    'checks', checks, 'nul_policies', nul_policies, 'loaded_at_column', loaded_at_column, 'depends_on', depends_on,
    'rollback_publishes', rollback_publishes, 'drift_policies', drift_policies,
    'max_bytes_billed_per_day', max_bytes_billed_per_day, 'shadow_clean_days', shadow_clean_days,
    'shadow_tolerances', shadow_tolerances))
$$;
COMMENT ON FUNCTION refresh.register_table IS
    'Registers a table, or sets its whole configuration anew. depends_on: {"schema.name": "hard" or "soft"}; NULL leaves the dependencies as they are.';
