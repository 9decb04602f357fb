-- Tables that views read and people change by hand have no source and no registration. Their version is raised by the
-- change itself, in its transaction, once; a view that reads such a table is refreshed when the version has risen.

CREATE TABLE refresh.refresh_input_version (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    changed_by_transaction xid8 NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (table_schema, table_name)
);
COMMENT ON TABLE refresh.refresh_input_version IS
    'A table without a source that summaries read, such as a mapping kept by hand, with a version that its changes raise.';

-- Who may change the mapping needs no right on the control plane, hence SECURITY DEFINER.
CREATE FUNCTION refresh.raise_input_version() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM refresh.refresh_input_version v
        WHERE v.table_schema = TG_TABLE_SCHEMA AND v.table_name = TG_TABLE_NAME
            AND v.changed_by_transaction = pg_current_xact_id()
    ) THEN
        INSERT INTO refresh.refresh_input_version AS v (table_schema, table_name, changed_by_transaction)
        VALUES (TG_TABLE_SCHEMA, TG_TABLE_NAME, pg_current_xact_id())
        ON CONFLICT (table_schema, table_name) DO UPDATE
        SET version = v.version + 1, changed_by_transaction = EXCLUDED.changed_by_transaction,
            changed_at = EXCLUDED.changed_at;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.watch_input(relation regclass) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER raise_input_version AFTER INSERT OR DELETE ON %s '
        'FOR EACH ROW EXECUTE FUNCTION refresh.raise_input_version()', relation);
    EXECUTE format('CREATE TRIGGER raise_input_version_on_update AFTER UPDATE ON %s '
        'FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION refresh.raise_input_version()', relation);
    EXECUTE format('CREATE TRIGGER raise_input_version_on_truncate AFTER TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION refresh.raise_input_version()', relation);
END $$;
COMMENT ON FUNCTION refresh.watch_input IS
    'Lets changes of a table raise its version, so that registered materialized views that read it are refreshed.';
REVOKE EXECUTE ON FUNCTION refresh.watch_input FROM PUBLIC;
