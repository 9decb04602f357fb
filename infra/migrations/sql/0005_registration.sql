-- What can be registered. The database refuses all that it can know to be wrong: a registration that is accepted can fail
-- only for its source, and says so when the table is first planned. Every change of the configuration leaves its trail.

CREATE FUNCTION refresh.refuse_registration(
    entry refresh.refresh_table_registry, field text, problem text, remedy text
) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%.%: % %', entry.table_schema, entry.table_name, field, problem
        USING ERRCODE = 'check_violation', HINT = remedy,
            SCHEMA = 'refresh', TABLE = 'refresh_table_registry', COLUMN = field;
END $$;

CREATE FUNCTION refresh.configuration(entry refresh.refresh_table_registry) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT to_jsonb(entry) - ARRAY['last_refreshed_at', 'next_refresh_at', 'last_data_period', 'config_version', 'data_version',
    'scanned_snapshot_at', 'scanned_from', 'created_at']
$$;
COMMENT ON FUNCTION refresh.configuration IS 'The part of a registry row that people decide.';

CREATE FUNCTION refresh.unique_keys(relation regclass) RETURNS SETOF text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT array_agg(a.attname::text ORDER BY a.attname)
FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) AS k (attnum)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = relation AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY i.indexrelid
$$;
COMMENT ON FUNCTION refresh.unique_keys IS 'Sorted columns of each unique index that can serve as a key: whole, valid, plain columns.';

CREATE FUNCTION refresh.column_type(relation regclass, column_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
WITH RECURSIVE base AS (
    SELECT t.typname, t.typtype, t.typbasetype
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT t.typname, t.typtype, t.typbasetype FROM base JOIN pg_type t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
)
SELECT typname::text FROM base WHERE typtype <> 'd'
$$;
COMMENT ON FUNCTION refresh.column_type IS 'Name of a column''s type, through domains; NULL when there is no such column.';

CREATE FUNCTION refresh.column_names(relation regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT string_agg(attname::text, ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
$$;

CREATE FUNCTION refresh.check_values(entry refresh.refresh_table_registry) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong record;
BEGIN
    FOR wrong IN
        SELECT * FROM (VALUES
            ('handler', entry.handler, entry.handler IN ('asin', 'search_queries', 'summaries', 'generic'),
                'asin, search_queries, summaries or generic'),
            ('strategy', entry.strategy, entry.strategy IN ('merge', 'append', 'replace'), 'merge, append or replace'),
            ('mode', entry.mode, entry.mode IN ('live', 'shadow', 'dry_run', 'disabled'), 'live or disabled'),
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
    IF entry.mode IN ('shadow', 'dry_run') THEN
        PERFORM refresh.refuse_registration(entry, 'mode', format('%s is not available yet', entry.mode),
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

CREATE FUNCTION refresh.check_source(entry refresh.refresh_table_registry) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF entry.handler = 'summaries' THEN
        RETURN;
    END IF;
    IF entry.source IS NULL THEN
        PERFORM refresh.refuse_registration(entry, 'source', 'is missing',
            'Set source to the BigQuery table or view, as project.dataset.table.');
    END IF;
    -- A project may have a domain in front (example.com:project), a table name also letters of any script, - and spaces.
    IF entry.source !~ '^([A-Za-z0-9.-]+:)?[A-Za-z0-9][A-Za-z0-9_-]*\.[A-Za-z0-9_]+\.[^].:`"''\\*@$/(){}\[[:cntrl:]]+$' THEN
        PERFORM refresh.refuse_registration(entry, 'source', format('is %s, which is not project.dataset.table', quote_literal(entry.source)),
            'Name one BigQuery table or view by exactly three parts, without backticks, wildcard or decorator; '
            'a dataset has letters, digits and _ only.');
    END IF;
END $$;

CREATE FUNCTION refresh.check_target(entry refresh.refresh_table_registry) RETURNS regclass LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass;
    kind "char";
BEGIN
    IF entry.table_schema IN ('information_schema', 'refresh', 'refresh_staging', 'refresh_migrations')
        OR starts_with(entry.table_schema, 'pg_') THEN
        PERFORM refresh.refuse_registration(entry, 'table_schema', format('%s belongs to the system', entry.table_schema),
            'Register tables of other schemas only.');
    END IF;
    relation := to_regclass(format('%I.%I', entry.table_schema, entry.table_name));
    IF relation IS NULL THEN
        PERFORM refresh.refuse_registration(entry, 'table_name', 'does not exist in this database',
            'Create the table first, or correct table_schema and table_name; upper and lower case differ.');
    END IF;
    SELECT c.relkind INTO kind FROM pg_class c WHERE c.oid = relation;
    IF kind NOT IN ('r', 'p', 'm') THEN
        PERFORM refresh.refuse_registration(entry, 'table_name',
            format('is a %s', CASE kind WHEN 'v' THEN 'view' WHEN 'f' THEN 'foreign table' ELSE 'relation of another kind' END),
            'Register a table, or a materialized view with handler summaries.');
    ELSIF entry.handler = 'summaries' AND kind <> 'm' THEN
        PERFORM refresh.refuse_registration(entry, 'handler', 'summaries needs a materialized view, and this is a table',
            'Set handler to generic, or register a materialized view.');
    ELSIF entry.handler <> 'summaries' AND kind = 'm' THEN
        PERFORM refresh.refuse_registration(entry, 'handler',
            format('%s needs a table, and this is a materialized view', entry.handler), 'Set handler to summaries.');
    ELSIF kind = 'm' AND NOT EXISTS (SELECT FROM refresh.unique_keys(relation)) THEN
        PERFORM refresh.refuse_registration(entry, 'table_name',
            'has no unique index, so it cannot be refreshed while it is read (CONCURRENTLY)',
            format('CREATE UNIQUE INDEX ON %s (…) over plain columns, without WHERE.', relation));
    END IF;
    RETURN relation;
END $$;

CREATE FUNCTION refresh.check_key(entry refresh.refresh_table_registry, relation regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text;
    known text;
    sorted text[];
BEGIN
    IF cardinality(entry.key_columns) = 0 THEN
        IF entry.strategy = 'append' AND entry.handler = 'generic' THEN
            PERFORM refresh.refuse_registration(entry, 'key_columns', 'is empty, and strategy append needs a key',
                'Name the key columns, or set strategy to merge.');
        END IF;
        RETURN;
    END IF;
    SELECT string_agg(name, ', ') INTO missing FROM unnest(entry.key_columns) AS name
    WHERE refresh.column_type(relation, name) IS NULL;
    IF missing IS NOT NULL THEN
        PERFORM refresh.refuse_registration(entry, 'key_columns', format('names %s, which the table does not have', missing),
            format('Choose from its columns: %s.', refresh.column_names(relation)));
    END IF;
    sorted := ARRAY(SELECT name FROM unnest(entry.key_columns) AS name ORDER BY name::name);
    IF cardinality(sorted) <> (SELECT count(DISTINCT name) FROM unnest(sorted) AS name) THEN
        PERFORM refresh.refuse_registration(entry, 'key_columns', 'names a column twice', 'Name each column once.');
    END IF;
    IF NOT EXISTS (SELECT FROM refresh.unique_keys(relation) AS k WHERE k = sorted) THEN
        SELECT string_agg(format('(%s)', array_to_string(k, ', ')), ' or ') INTO known FROM refresh.unique_keys(relation) AS k;
        PERFORM refresh.refuse_registration(entry, 'key_columns',
            format('(%s) have no unique index on exactly these columns', array_to_string(entry.key_columns, ', ')),
            format('CREATE UNIQUE INDEX ON %s (%s)', relation,
                (SELECT string_agg(quote_ident(name), ', ') FROM unnest(entry.key_columns) AS name))
            || ', or set key_columns to ' || coalesce(known, '{} for a table without a key')
            || '. An index that is partial, deferrable, invalid or over expressions does not count.');
    END IF;
END $$;

CREATE FUNCTION refresh.check_scope(entry refresh.refresh_table_registry, relation regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    type text := refresh.column_type(relation, entry.scope_column);
    dated boolean := type IN ('date', 'timestamp', 'timestamptz');
BEGIN
    IF entry.scope_column IS NULL THEN
        IF entry.scope_bucket IS NOT NULL OR entry.lookback IS NOT NULL THEN
            PERFORM refresh.refuse_registration(entry, CASE WHEN entry.lookback IS NULL THEN 'scope_bucket' ELSE 'lookback' END,
                'needs a scope_column, and there is none', 'Set scope_column, or leave scope_bucket and lookback NULL.');
        END IF;
        RETURN;
    END IF;
    IF type IS NULL THEN
        PERFORM refresh.refuse_registration(entry, 'scope_column',
            format('is %s, which the table does not have', entry.scope_column),
            format('Choose from its columns: %s; NULL refreshes the table as one.', refresh.column_names(relation)));
    ELSIF NOT dated AND type NOT IN ('text', 'varchar', 'bpchar', 'int2', 'int4', 'int8', 'bool') THEN
        PERFORM refresh.refuse_registration(entry, 'scope_column', format('%s is of type %s', entry.scope_column, type),
            'Choose a date, timestamp, text, integer or boolean column.');
    ELSIF type IN ('timestamp', 'timestamptz') AND entry.scope_bucket IS NULL THEN
        PERFORM refresh.refuse_registration(entry, 'scope_bucket',
            format('is missing, and %s is of type %s: nearly every row would be a scope of its own', entry.scope_column, type),
            'Set scope_bucket to day, week or month.');
    ELSIF entry.scope_bucket IN ('day', 'week', 'month') AND NOT dated THEN
        PERFORM refresh.refuse_registration(entry, 'scope_bucket',
            format('%s needs a date or timestamp, and %s is of type %s', entry.scope_bucket, entry.scope_column, type),
            'Set scope_bucket to hash:N, or to NULL for each value by itself.');
    ELSIF starts_with(entry.scope_bucket, 'hash:') AND type IN ('timestamp', 'timestamptz', 'bool') THEN
        PERFORM refresh.refuse_registration(entry, 'scope_bucket',
            format('%s does not suit %s of type %s', entry.scope_bucket, entry.scope_column, type),
            CASE type WHEN 'bool' THEN 'Set scope_bucket to NULL.' ELSE 'Set scope_bucket to day, week or month.' END);
    ELSIF entry.lookback IS NOT NULL AND (NOT dated OR starts_with(entry.scope_bucket, 'hash:')) THEN
        PERFORM refresh.refuse_registration(entry, 'lookback',
            format('counts days, and the scopes of %s are no dates', entry.scope_column),
            'Set lookback to NULL, or choose a date or timestamp as scope_column, by day, week or month.');
    END IF;
END $$;

CREATE FUNCTION refresh.check_columns(entry refresh.refresh_table_registry, relation regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong record;
BEGIN
    FOR wrong IN
        SELECT given.name, given.value, refresh.column_type(relation, given.name) IS NULL AS unknown
        FROM jsonb_each(entry.nul_policies) AS given (name, value)
    LOOP
        IF wrong.unknown THEN
            PERFORM refresh.refuse_registration(entry, 'nul_policies', format('names %s, which the table does not have', wrong.name),
                format('Choose from its columns: %s.', refresh.column_names(relation)));
        ELSIF wrong.value NOT IN ('"strip"', '"reject"', '"quarantine"') THEN
            PERFORM refresh.refuse_registration(entry, 'nul_policies', format('has %s for %s', wrong.value, wrong.name),
                'Use "strip", "reject" or "quarantine".');
        END IF;
    END LOOP;
    IF entry.loaded_at_column IS NOT NULL AND refresh.column_type(relation, entry.loaded_at_column) IS DISTINCT FROM 'timestamptz' THEN
        PERFORM refresh.refuse_registration(entry, 'loaded_at_column',
            format('%s %s', entry.loaded_at_column,
                coalesce('is of type ' || refresh.column_type(relation, entry.loaded_at_column), 'is no column of the table')),
            'Name a column of type timestamptz, or NULL.');
    ELSIF entry.loaded_at_column = entry.scope_column OR entry.loaded_at_column = ANY (entry.key_columns) THEN
        PERFORM refresh.refuse_registration(entry, 'loaded_at_column',
            format('%s is also key or scope, which come from the source', entry.loaded_at_column),
            'Name a column that the source does not feed, or NULL.');
    END IF;
    FOR wrong IN
        SELECT min(given.name) AS one, max(given.name) AS other, given.value #>> '{}' AS target
        FROM jsonb_each(entry.column_map) AS given (name, value)
        WHERE jsonb_typeof(given.value) = 'string'
        GROUP BY given.value HAVING count(*) > 1
    LOOP
        PERFORM refresh.refuse_registration(entry, 'column_map',
            format('sends both %s and %s to %s', wrong.one, wrong.other, wrong.target),
            'Give one of them another target column, or null to leave it out.');
    END LOOP;
    FOR wrong IN
        SELECT given.name, given.value FROM jsonb_each(entry.column_map) AS given (name, value)
        WHERE given.name = '' OR jsonb_typeof(given.value) NOT IN ('string', 'null')
    LOOP
        PERFORM refresh.refuse_registration(entry, 'column_map', format('has %s for source column "%s"', wrong.value, wrong.name),
            'Map each source column to the name of a target column, or to null to leave it out.');
    END LOOP;
    IF entry.handler = 'generic' THEN
        PERFORM refresh.check_column_map(entry, relation);
    END IF;
END $$;

CREATE FUNCTION refresh.check_column_map(entry refresh.refresh_table_registry, relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong record;
BEGIN
    FOR wrong IN
        SELECT given.name, given.target, a.attname IS NULL AS unknown
        FROM jsonb_each_text(entry.column_map) AS given (name, target)
        LEFT JOIN pg_attribute a ON a.attrelid = relation AND a.attname = given.target AND a.attnum > 0 AND NOT a.attisdropped
        WHERE given.target IS NOT NULL AND (a.attname IS NULL OR a.attgenerated <> '' OR a.attidentity = 'a')
    LOOP
        PERFORM refresh.refuse_registration(entry, 'column_map',
            format('sends %s to %s, which the table %s', wrong.name, wrong.target,
                CASE WHEN wrong.unknown THEN 'does not have' ELSE 'generates itself' END),
            format('Choose from its columns: %s; null leaves %s out.', refresh.column_names(relation), wrong.name));
    END LOOP;
    -- Without a mapping a source column feeds the target column of its own name; one that is sent elsewhere no longer does.
    SELECT needed.field, needed.name INTO wrong
    FROM (
        SELECT 'key_columns' AS field, name FROM unnest(entry.key_columns) AS name
        UNION ALL SELECT 'scope_column', entry.scope_column
    ) AS needed
    JOIN jsonb_each_text(entry.column_map) AS given (name, target) ON lower(given.name) = needed.name
    WHERE given.target IS DISTINCT FROM needed.name
        AND NOT EXISTS (SELECT FROM jsonb_each_text(entry.column_map) AS other WHERE other.value = needed.name)
    LIMIT 1;
    IF FOUND THEN
        PERFORM refresh.refuse_registration(entry, wrong.field,
            format('needs %s, which column_map leaves without a source column', wrong.name),
            format('Map a source column to %s, or choose another column.', wrong.name));
    END IF;
END $$;

CREATE FUNCTION refresh.check_registration() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF refresh.configuration(NEW) = refresh.configuration(OLD) THEN
            NEW.config_version := OLD.config_version;
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
CREATE TRIGGER check_registration BEFORE INSERT OR UPDATE ON refresh.refresh_table_registry
FOR EACH ROW EXECUTE FUNCTION refresh.check_registration();
COMMENT ON COLUMN refresh.refresh_table_registry.key_columns IS
    'Target columns of a unique index; empty takes the primary key, and without one means a table without a key.';
COMMENT ON COLUMN refresh.refresh_table_registry.config_version IS 'Raised by every change of the configuration.';

CREATE FUNCTION refresh.check_unregistration() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM refresh.refresh_task t WHERE t.table_schema = OLD.table_schema AND t.table_name = OLD.table_name) THEN
        RAISE EXCEPTION '%.%: has been part of runs, whose history names it', OLD.table_schema, OLD.table_name
            USING ERRCODE = 'foreign_key_violation', HINT = 'Set mode to disabled: it is then refreshed no more.';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER check_unregistration BEFORE DELETE ON refresh.refresh_table_registry
FOR EACH ROW EXECUTE FUNCTION refresh.check_unregistration();

CREATE FUNCTION refresh.audit_configuration() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry refresh.refresh_table_registry := coalesce(NEW, OLD);
    trail jsonb := jsonb_build_object('by', session_user, 'config_version', entry.config_version);
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
CREATE TRIGGER audit_configuration AFTER INSERT OR UPDATE OR DELETE ON refresh.refresh_table_registry
FOR EACH ROW EXECUTE FUNCTION refresh.audit_configuration();

CREATE FUNCTION refresh.check_dependency() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dependent text := NEW.table_schema || '.' || NEW.table_name;
    input text := NEW.depends_on_schema || '.' || NEW.depends_on_name;
    missing text;
    needed_by jsonb := jsonb_build_object(input, dependent);
    layer text[] := ARRAY[input];
    further jsonb;
    cycle text[] := ARRAY[dependent];
BEGIN
    -- Of two writers the second waits here and then sees what the first has committed, which an older snapshot would hide.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'dependencies cannot be changed at isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'feature_not_supported', HINT = 'Use READ COMMITTED.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('refresh.refresh_dependency', 0));
    SELECT name INTO missing FROM unnest(ARRAY[dependent, input]) AS name
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_table_registry r WHERE r.table_schema || '.' || r.table_name = name);
    IF FOUND THEN
        RAISE EXCEPTION '% cannot depend on %: % is not registered', dependent, input, missing
            USING ERRCODE = 'foreign_key_violation', HINT = 'Register the table first, or correct its name.';
    END IF;
    WHILE cardinality(layer) > 0 AND NOT needed_by ? dependent LOOP
        SELECT coalesce(jsonb_object_agg(edge.input, edge.dependent), '{}') INTO further
        FROM (
            SELECT d.table_schema || '.' || d.table_name AS dependent, d.depends_on_schema || '.' || d.depends_on_name AS input
            FROM refresh.refresh_dependency d
            WHERE TG_OP = 'INSERT' OR d IS DISTINCT FROM OLD
        ) AS edge
        WHERE edge.dependent = ANY (layer) AND NOT needed_by ? edge.input;
        needed_by := needed_by || further;
        layer := ARRAY(SELECT jsonb_object_keys(further));
    END LOOP;
    IF needed_by ? dependent THEN
        LOOP
            cycle := (needed_by ->> cycle[1]) || cycle;
            EXIT WHEN cycle[1] = dependent;
        END LOOP;
        RAISE EXCEPTION 'dependencies would form a cycle: %', array_to_string(cycle, ' -> ')
            USING ERRCODE = 'check_violation', HINT = 'Remove one of these dependencies, or leave this one out.';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER check_dependency BEFORE INSERT OR UPDATE ON refresh.refresh_dependency
FOR EACH ROW EXECUTE FUNCTION refresh.check_dependency();

CREATE FUNCTION refresh.audit_dependency() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry refresh.refresh_dependency := coalesce(NEW, OLD);
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NULL;
    END IF;
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES (entry.table_schema, entry.table_name, 'config_changed', jsonb_build_object('by', session_user, 'changed',
        jsonb_build_object('depends_on', jsonb_build_object(
            'old', OLD.depends_on_schema || '.' || OLD.depends_on_name || ' ' || OLD.kind,
            'new', NEW.depends_on_schema || '.' || NEW.depends_on_name || ' ' || NEW.kind))));
    RETURN NULL;
END $$;
CREATE TRIGGER audit_dependency AFTER INSERT OR UPDATE OR DELETE ON refresh.refresh_dependency
FOR EACH ROW EXECUTE FUNCTION refresh.audit_dependency();

CREATE FUNCTION refresh.set_dependencies(table_schema text, table_name text, depends_on jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(depends_on) = 'object' THEN
        SELECT given.key || ': ' || given.value INTO wrong FROM jsonb_each(depends_on) AS given
        WHERE given.key !~ '^[^.]+\.[^.]+$' OR given.value NOT IN ('"hard"', '"soft"');
    ELSE
        wrong := depends_on::text;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%.%: depends_on has %', table_schema, table_name, wrong USING ERRCODE = 'check_violation',
            HINT = 'Write it as {"schema.name": "hard"} or "soft".';
    END IF;
    DELETE FROM refresh.refresh_dependency d
    WHERE d.table_schema = set_dependencies.table_schema AND d.table_name = set_dependencies.table_name
        AND NOT depends_on ? (d.depends_on_schema || '.' || d.depends_on_name);
    INSERT INTO refresh.refresh_dependency AS d (table_schema, table_name, depends_on_schema, depends_on_name, kind)
    SELECT set_dependencies.table_schema, set_dependencies.table_name, split_part(key, '.', 1), split_part(key, '.', 2), value
    FROM jsonb_each_text(depends_on)
    ON CONFLICT ON CONSTRAINT refresh_dependency_pkey DO UPDATE SET kind = EXCLUDED.kind WHERE d.kind <> EXCLUDED.kind;
END $$;

CREATE FUNCTION refresh.register_options(table_schema text, table_name text, options jsonb)
RETURNS refresh.refresh_table_registry LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known text[];
    unknown text;
    entry refresh.refresh_table_registry;
BEGIN
    known := ARRAY(
        SELECT jsonb_object_keys(refresh.configuration(jsonb_populate_record(NULL::refresh.refresh_table_registry, '{}')))
        EXCEPT VALUES ('table_schema'), ('table_name'));
    SELECT string_agg(key, ', ') INTO unknown FROM jsonb_object_keys(options) AS key
    WHERE key <> ALL (known) AND key <> 'depends_on';
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION '%.%: unknown option %', table_schema, table_name, unknown USING ERRCODE = 'check_violation',
            HINT = format('Options are %s and depends_on.', array_to_string(known, ', '));
    END IF;
    -- Options that are not given take the defaults of the table.
    EXECUTE format(
        'INSERT INTO refresh.refresh_table_registry AS r (table_schema, table_name%1$s) '
        'SELECT $1, $2%1$s FROM jsonb_populate_record(NULL::refresh.refresh_table_registry, $3) '
        'ON CONFLICT ON CONSTRAINT refresh_table_registry_pkey DO UPDATE SET %2$s RETURNING r.*',
        (SELECT string_agg(', ' || quote_ident(name), '') FROM unnest(known) AS name WHERE options ? name),
        (SELECT string_agg(format('%1$I = EXCLUDED.%1$I', name), ', ') FROM unnest(known) AS name)
    ) INTO entry USING table_schema, table_name, options;
    IF options -> 'depends_on' <> 'null' THEN
        PERFORM refresh.set_dependencies(table_schema, table_name, options -> 'depends_on');
    END IF;
    RETURN entry;
END $$;

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
    depends_on jsonb DEFAULT NULL
) RETURNS refresh.refresh_table_registry LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
SELECT * FROM refresh.register_options(table_schema, table_name, jsonb_build_object(
    'source', source, 'handler', handler, 'column_map', column_map, 'key_columns', key_columns,
    'scope_column', scope_column, 'scope_bucket', scope_bucket, 'strategy', strategy, 'mode', mode,
    'priority', priority, 'frequency_hours', frequency_hours, 'lookback', lookback,
    'slice_target_rows', slice_target_rows, 'parallelism', parallelism, 'max_bytes_billed', max_bytes_billed,
    'checks', checks, 'nul_policies', nul_policies, 'loaded_at_column', loaded_at_column, 'depends_on', depends_on))
$$;
COMMENT ON FUNCTION refresh.register_table IS
    'Registers a table, or sets its whole configuration anew. depends_on: {"schema.name": "hard" or "soft"}; NULL leaves the dependencies as they are.';

CREATE TABLE refresh.managed_schema (
    schema_name text PRIMARY KEY CHECK (schema_name <> '')
);
COMMENT ON TABLE refresh.managed_schema IS
    'Schemas whose tables register themselves by a comment that has, at its end, refresh: {…}: options of refresh.register_table as JSON.';

-- Owners of tables in a managed schema need no rights on the registry, hence SECURITY DEFINER.
CREATE FUNCTION refresh.register_commented() RETURNS event_trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said record;
BEGIN
    FOR said IN
        SELECT n.nspname AS schema_name, c.relname AS name, c.relkind AS kind,
            substring(obj_description(c.oid, 'pg_class') FROM '(?:^|\s)refresh:\s*(\{.*)$') AS options
        FROM pg_event_trigger_ddl_commands() AS command
        JOIN pg_class c ON c.oid = command.objid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN refresh.managed_schema m ON m.schema_name = n.nspname
        WHERE command.classid = 'pg_class'::regclass AND command.objsubid = 0 AND c.relkind IN ('r', 'p', 'm')
    LOOP
        CONTINUE WHEN said.options IS NULL;
        PERFORM refresh.register_options(said.schema_name, said.name,
            jsonb_build_object('handler', CASE said.kind WHEN 'm' THEN 'summaries' ELSE 'generic' END) || said.options::jsonb);
    END LOOP;
EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION '%.%: the comment''s refresh options cannot be used: %', said.schema_name, said.name, SQLERRM
        USING ERRCODE = 'check_violation',
            HINT = 'End the comment with refresh: {"source": "project.dataset.table"}, with options of refresh.register_table as JSON.';
END $$;
CREATE EVENT TRIGGER refresh_register_commented ON ddl_command_end WHEN TAG IN ('COMMENT')
EXECUTE FUNCTION refresh.register_commented();
