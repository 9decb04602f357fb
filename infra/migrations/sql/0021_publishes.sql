-- What a publish overwrites is kept beside it, in a table of its own, so that it can be taken back exactly and at a cost that
-- goes with what it changed. Written in the publish transaction: it is there if and only if the publish is.

CREATE SCHEMA refresh_undo;
COMMENT ON SCHEMA refresh_undo IS 'Rows that publishes have overwritten, one table a publish; dropped when it is taken back or expires.';
REVOKE ALL ON SCHEMA refresh_undo FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA refresh_undo TO refresh_loader;

ALTER TABLE refresh.refresh_table_registry
    ADD COLUMN rollback_publishes integer NOT NULL DEFAULT 7 CHECK (rollback_publishes BETWEEN 0 AND 1000);
COMMENT ON COLUMN refresh.refresh_table_registry.rollback_publishes IS
    'How many of the last publishes that wrote rows can be taken back; 0 keeps nothing.';

CREATE TABLE refresh.refresh_publish (
    publish_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    was_empty boolean NOT NULL,
    rows_inserted bigint NOT NULL,
    rows_updated bigint NOT NULL,
    rows_deleted bigint NOT NULL,
    key_columns text[] NOT NULL,
    undo_table text UNIQUE,
    undo_bytes bigint NOT NULL DEFAULT 0,
    last_refreshed_before timestamptz,
    scanned_snapshot_before timestamptz,
    expired_at timestamptz,
    rolled_back_at timestamptz,
    rolled_back_by text,
    rollback_reason text,
    UNIQUE (run_id, table_schema, table_name),
    FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task ON DELETE CASCADE,
    CHECK (undo_table IS NULL OR (expired_at IS NULL AND rolled_back_at IS NULL)),
    CHECK (expired_at IS NULL OR rolled_back_at IS NULL)
);
CREATE INDEX refresh_publish_table ON refresh.refresh_publish (table_schema, table_name, publish_id DESC);
COMMENT ON TABLE refresh.refresh_publish IS 'A publish that wrote rows: what it wrote, and where what it overwrote is kept.';
COMMENT ON COLUMN refresh.refresh_publish.was_empty IS 'The table had no row before, so nothing had to be kept.';
COMMENT ON COLUMN refresh.refresh_publish.key_columns IS 'By which the kept rows are found in the table; none: by their whole image.';
COMMENT ON COLUMN refresh.refresh_publish.expired_at IS 'When what it overwrote was thrown away; it cannot be taken back any more.';

CREATE TABLE refresh.refresh_publish_scope (
    publish_id bigint NOT NULL REFERENCES refresh.refresh_publish ON DELETE CASCADE,
    scope text,
    fingerprint text,
    was_published boolean NOT NULL,
    fingerprint_before text,
    definition_hash_before text,
    rows_before bigint,
    rows_quarantined_before bigint,
    run_id_before uuid,
    published_at_before timestamptz,
    UNIQUE NULLS NOT DISTINCT (publish_id, scope)
);
COMMENT ON TABLE refresh.refresh_publish_scope IS
    'A scope value that a publish wrote: its fingerprint, and refresh_partition_state as it was before.';

GRANT INSERT, UPDATE ON refresh.refresh_publish TO refresh_loader;
GRANT INSERT, DELETE ON refresh.refresh_publish_scope TO refresh_loader;

CREATE FUNCTION refresh.expire_publish(expired bigint) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    undo text;
BEGIN
    SELECT p.undo_table INTO undo FROM refresh.refresh_publish p WHERE p.publish_id = expired;
    IF undo IS NOT NULL THEN
        EXECUTE format('DROP TABLE refresh_undo.%I', undo);
    END IF;
    DELETE FROM refresh.refresh_publish_scope s WHERE s.publish_id = expired;
    UPDATE refresh.refresh_publish p SET undo_table = NULL, undo_bytes = 0, expired_at = clock_timestamp()
    WHERE p.publish_id = expired;
END $$;
COMMENT ON FUNCTION refresh.expire_publish IS 'Throws away what a publish has overwritten.';

CREATE FUNCTION refresh.expire_publishes(of_schema text, of_name text, kept integer) RETURNS bigint LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
SELECT count(refresh.expire_publish(surplus.publish_id)) FROM (
    SELECT p.publish_id FROM refresh.refresh_publish p
    WHERE p.table_schema = of_schema AND p.table_name = of_name AND p.expired_at IS NULL AND p.rolled_back_at IS NULL
    ORDER BY p.publish_id DESC OFFSET kept
) surplus
$$;
COMMENT ON FUNCTION refresh.expire_publishes IS
    'Throws away what all but the last `kept` publishes of a table have overwritten; returns how many. Under the lock of its registry row.';
REVOKE EXECUTE ON FUNCTION refresh.expire_publish, refresh.expire_publishes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION refresh.expire_publish, refresh.expire_publishes TO refresh_loader;

CREATE FUNCTION refresh.check_rollback_publishes() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM refresh.refuse_registration(NEW, 'rollback_publishes', format('is %s', NEW.rollback_publishes),
        'Set rollback_publishes to a number from 0, which keeps nothing, to 1000.');
    RETURN NEW;
END $$;
CREATE TRIGGER check_rollback_publishes BEFORE INSERT OR UPDATE OF rollback_publishes ON refresh.refresh_table_registry
FOR EACH ROW WHEN (NEW.rollback_publishes NOT BETWEEN 0 AND 1000) EXECUTE FUNCTION refresh.check_rollback_publishes();

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
    rollback_publishes integer DEFAULT 7
) RETURNS refresh.refresh_table_registry LANGUAGE sql
SET search_path = pg_catalog, pg_temp AS $$
SELECT * FROM refresh.register_options(table_schema, table_name, jsonb_build_object(
    'source', source, 'handler', handler, 'column_map', column_map, 'key_columns', key_columns,
    'scope_column', scope_column, 'scope_bucket', scope_bucket, 'strategy', strategy, 'mode', mode,
    'priority', priority, 'frequency_hours', frequency_hours, 'lookback', lookback,
    'slice_target_rows', slice_target_rows, 'parallelism', parallelism, 'max_bytes_billed', max_bytes_billed,
    'checks', checks, 'nul_policies', nul_policies, 'loaded_at_column', loaded_at_column, 'depends_on', depends_on,
    'rollback_publishes', rollback_publishes))
$$;
COMMENT ON FUNCTION refresh.register_table IS
    'Registers a table, or sets its whole configuration anew. depends_on: {"schema.name": "hard" or "soft"}; NULL leaves the dependencies as they are.';
GRANT UPDATE (rollback_publishes) ON refresh.refresh_table_registry TO refresh_api;
