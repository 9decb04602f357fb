-- Who may do what. The schema is owned by the login that migrates; these roles are granted to the logins of the
-- functions, which act as them. What needs ownership goes through SECURITY DEFINER functions. Roles belong to the whole
-- server, so another database may have made them. Tables of later migrations can be read by whoever reads their schema;
-- the right to write them is given where they are made.

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['refresh_loader', 'refresh_api', 'refresh_notifier', 'refresh_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- made by another database's migration at this moment
            END;
        END IF;
    END LOOP;
    -- Cleanup, which runs as the owner, drops staging tables, which belong to the loader.
    IF NOT pg_catalog.pg_has_role(current_user, 'refresh_loader', 'USAGE') THEN
        GRANT refresh_loader TO CURRENT_USER;
    END IF;
END $$;

REVOKE ALL ON SCHEMA refresh, refresh_staging, sqp FROM PUBLIC;
GRANT USAGE ON SCHEMA refresh TO refresh_loader, refresh_api, refresh_notifier, refresh_reader;
GRANT USAGE, CREATE ON SCHEMA refresh_staging TO refresh_loader;

-- The loader moves data and the state of the work. It decides no configuration, and takes no line back from the audit.
GRANT SELECT ON ALL TABLES IN SCHEMA refresh TO refresh_loader;
REVOKE ALL ON refresh.webhook_endpoint FROM refresh_loader;
GRANT SELECT (endpoint_id, state, paused_until) ON refresh.webhook_endpoint TO refresh_loader;
ALTER DEFAULT PRIVILEGES IN SCHEMA refresh GRANT SELECT ON TABLES TO refresh_loader, refresh_api;
GRANT UPDATE (last_refreshed_at, next_refresh_at, last_data_period, data_version, scanned_snapshot_at, scanned_from)
ON refresh.refresh_table_registry TO refresh_loader;
GRANT INSERT, UPDATE ON refresh.refresh_run, refresh.refresh_task, refresh.refresh_checkpoint, refresh.refresh_partition_state,
    refresh.materialized_view_refresh_status, refresh.refresh_heartbeat
TO refresh_loader;
GRANT INSERT, UPDATE, DELETE ON refresh.refresh_task_scope TO refresh_loader;
GRANT INSERT, DELETE ON refresh.refresh_quarantine, refresh.refresh_day TO refresh_loader;
GRANT INSERT ON refresh.refresh_audit_log, refresh.refresh_data_quality, refresh.refresh_outbox, refresh.refresh_dead_letter
TO refresh_loader;
GRANT UPDATE (published_at) ON refresh.refresh_outbox TO refresh_loader;
GRANT EXECUTE ON FUNCTION refresh.cleanup, refresh.cleanup_webhooks TO refresh_loader;

-- The API reads, asks for runs, and changes configuration, which triggers check and audit. It moves no data: neither the
-- state of the work nor a target table.
GRANT SELECT ON ALL TABLES IN SCHEMA refresh TO refresh_api;
GRANT INSERT ON refresh.refresh_table_registry, refresh.refresh_run, refresh.refresh_outbox, refresh.refresh_audit_log,
    refresh.refresh_data_quality
TO refresh_api;
GRANT UPDATE (handler, source, column_map, key_columns, scope_column, scope_bucket, strategy, mode, priority, frequency_hours,
    lookback, slice_target_rows, parallelism, max_bytes_billed, checks, nul_policies, loaded_at_column, next_refresh_at,
    config_version)
ON refresh.refresh_table_registry TO refresh_api;
GRANT INSERT, UPDATE, DELETE ON refresh.refresh_dependency, refresh.webhook_endpoint, refresh.webhook_delivery TO refresh_api;
GRANT INSERT, DELETE ON refresh.refresh_day TO refresh_api;
GRANT UPDATE (published_at) ON refresh.refresh_outbox TO refresh_api;
GRANT UPDATE (replayed_at) ON refresh.refresh_dead_letter TO refresh_api;

-- The notifier delivers events. It sees no data.
GRANT SELECT, UPDATE ON refresh.webhook_endpoint TO refresh_notifier;
GRANT SELECT, INSERT, UPDATE ON refresh.webhook_delivery TO refresh_notifier;
GRANT SELECT, INSERT ON refresh.refresh_outbox TO refresh_notifier;
GRANT UPDATE (published_at) ON refresh.refresh_outbox TO refresh_notifier;
GRANT INSERT ON refresh.refresh_audit_log TO refresh_notifier;

-- Dashboards read what is published, and how fresh it is.
GRANT SELECT ON refresh.refresh_table_registry, refresh.refresh_run, refresh.refresh_task, refresh.refresh_data_quality,
    refresh.materialized_view_refresh_status
TO refresh_reader;

CREATE FUNCTION refresh.refresh_view(view_schema text, view_name text) RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rows bigint;
BEGIN
    IF NOT EXISTS (
        SELECT FROM refresh.refresh_table_registry r
        WHERE (r.table_schema, r.table_name) = (view_schema, view_name) AND r.handler = 'summaries'
    ) THEN
        RAISE EXCEPTION '%.% is not registered with handler summaries', view_schema, view_name
            USING ERRCODE = 'insufficient_privilege', HINT = 'Register the materialized view first.';
    END IF;
    BEGIN
        EXECUTE format('REFRESH MATERIALIZED VIEW CONCURRENTLY %I.%I', view_schema, view_name);
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE EXCEPTION '%.%: %', view_schema, view_name, SQLERRM USING ERRCODE = 'insufficient_privilege',
            HINT = format('ALTER MATERIALIZED VIEW %I.%I OWNER TO %I; and let it read what the view reads.',
                view_schema, view_name, current_user);
    END;
    EXECUTE format('SELECT count(*) FROM %I.%I', view_schema, view_name) INTO rows;
    RETURN rows;
END $$;
COMMENT ON FUNCTION refresh.refresh_view IS
    'Refreshes a registered materialized view while it is read, with the rights of its owner; returns its rows.';
REVOKE EXECUTE ON FUNCTION refresh.refresh_view FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.refresh_view TO refresh_loader;

-- Called by the owner of a schema with target tables of one's own; also covers the tables that this owner makes there later.
CREATE FUNCTION refresh.grant_access(schema_name text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF schema_name IN ('information_schema', 'refresh', 'refresh_staging', 'refresh_migrations') OR starts_with(schema_name, 'pg_') THEN
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
COMMENT ON FUNCTION refresh.grant_access IS
    'Lets the loader fill, and the API and dashboards read, the tables of a schema, those made later by the caller included.';

SELECT refresh.grant_access('sqp');
