-- Three things that came apart when their surroundings grew: a month of the audit log is attached under a lock that writers
-- wait for (a row that was already on its way to the default partition was refused by it), shadows and undo tables are
-- nobody's targets, and how fresh the warehouse is says no dry run.

CREATE OR REPLACE FUNCTION refresh.add_audit_month(month date) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    name text := 'refresh_audit_log_' || to_char(month, 'YYYY_MM');
BEGIN
    IF to_regclass('refresh.' || name) IS NOT NULL OR EXISTS (
        SELECT FROM refresh.refresh_audit_log_rest WHERE at >= month AND at < month + interval '1 month'
    ) THEN
        RETURN false;
    END IF;
    LOCK TABLE refresh.refresh_audit_log IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE refresh.%I (LIKE refresh.refresh_audit_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE refresh.refresh_audit_log ATTACH PARTITION refresh.%I FOR VALUES FROM (%L) TO (%L)',
        name, month::timestamptz, (month + interval '1 month')::timestamptz);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change()', name);
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION refresh.check_target(entry refresh.refresh_table_registry) RETURNS regclass LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass;
    kind "char";
BEGIN
    IF entry.table_schema IN ('information_schema', 'refresh', 'refresh_staging', 'refresh_shadow', 'refresh_undo', 'refresh_migrations')
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

CREATE OR REPLACE FUNCTION refresh.grant_access(schema_name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF schema_name IN ('information_schema', 'refresh', 'refresh_staging', 'refresh_shadow', 'refresh_undo', 'refresh_migrations') OR starts_with(schema_name, 'pg_') THEN
        RAISE EXCEPTION 'schema % belongs to the system', schema_name USING ERRCODE = 'insufficient_privilege',
            HINT = 'Name a schema with target tables.';
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO refresh_loader, refresh_api, refresh_reader', schema_name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO refresh_loader', schema_name);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO refresh_loader', schema_name);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO refresh_reader, refresh_api', schema_name);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO refresh_loader', schema_name);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE ON SEQUENCES TO refresh_loader', schema_name);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON TABLES TO refresh_reader, refresh_api', schema_name);
END $$;

CREATE OR REPLACE FUNCTION sqp.freshness(as_of timestamptz)
RETURNS TABLE (
    client_id text, marketplace_id text, report_period text, last_period_start date, last_period_end date,
    data_age_days integer, next_period_end date, next_expected_on date, data_status text,
    n_missing_periods bigint, missing_periods date[],
    job_last_success_at timestamptz, job_last_status text, job_status text, summaries_refreshed_at timestamptz
) LANGUAGE sql STABLE AS $$
WITH warehouse AS (
    SELECT relnamespace::regnamespace::text AS schema FROM pg_catalog.pg_class
    WHERE oid = 'sqp.search_query_performance'::regclass
),
job AS (
    SELECT registry.last_refreshed_at, registry.frequency_hours,
        (
            SELECT task.status FROM refresh.refresh_task AS task
            WHERE task.table_schema = registry.table_schema AND task.table_name = registry.table_name
                AND task.finished_at IS NOT NULL AND task.mode = 'live'
            ORDER BY task.finished_at DESC LIMIT 1
        ) AS last_status
    FROM refresh.refresh_table_registry AS registry, warehouse
    WHERE registry.table_schema = warehouse.schema AND registry.table_name = 'search_query_performance'
),
summary AS (
    SELECT min(status.last_refreshed_at) AS refreshed_at
    FROM refresh.materialized_view_refresh_status AS status, warehouse WHERE status.table_schema = warehouse.schema
),
missing AS (
    SELECT client_id, marketplace_id, report_period, array_agg(period_start ORDER BY period_start) AS periods,
        max(period_start) AS last_missing, max(period_start) FILTER (WHERE is_stale) AS last_stale
    FROM sqp.missing_periods($1)
    GROUP BY client_id, marketplace_id, report_period
),
latest AS (
    SELECT client_id, marketplace_id, report_period, max(period_start) AS last_start, max(period_end) AS last_end
    FROM sqp.published_reports
    GROUP BY client_id, marketplace_id, report_period
)
SELECT client_id, marketplace_id, report_period, last_start, last_end,
    ($1 AT TIME ZONE 'UTC')::date - last_end, next.period_end, next.period_end + days.expected_days,
    CASE
        WHEN missing.last_stale > last_start THEN 'stale'
        WHEN missing.last_missing > last_start THEN 'late'
        ELSE 'fresh'
    END,
    coalesce(cardinality(missing.periods), 0)::bigint, coalesce(missing.periods, '{}'),
    job.last_refreshed_at, job.last_status,
    CASE
        WHEN job.last_refreshed_at IS NULL THEN 'never'
        WHEN job.last_status IN ('failed', 'held', 'skipped') THEN 'failing'
        WHEN job.last_refreshed_at < $1 - make_interval(hours => 2 * job.frequency_hours) THEN 'overdue'
        ELSE 'current'
    END,
    summary.refreshed_at
FROM latest
CROSS JOIN sqp.publication_days() AS days
CROSS JOIN summary
CROSS JOIN LATERAL (
    SELECT CASE report_period
        WHEN 'WEEK' THEN last_end + 7
        WHEN 'MONTH' THEN (last_start + interval '2 months')::date - 1
        ELSE (last_start + interval '6 months')::date - 1
    END AS period_end
) AS next
LEFT JOIN job ON true
LEFT JOIN missing USING (client_id, marketplace_id, report_period)
ORDER BY 1, 2, 3
$$;
