-- What a task was planned with, so that any worker can publish what it has staged: another function than the one that
-- planned, one that does not know the dataset. Written with the plan, gone with the staging table.

CREATE TABLE refresh.refresh_task_definition (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    definition json NOT NULL,
    PRIMARY KEY (run_id, table_schema, table_name),
    FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task ON DELETE CASCADE
);
COMMENT ON TABLE refresh.refresh_task_definition IS 'How the staged rows of a task become those of its table, as it was planned.';
GRANT INSERT, UPDATE, DELETE ON refresh.refresh_task_definition TO refresh_loader;

CREATE OR REPLACE FUNCTION refresh.drop_staging(held_since timestamptz) RETURNS jsonb LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text;
    dropped integer := 0;
    deferred integer := 0;
BEGIN
    FOR name IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'refresh_staging'::regnamespace AND c.relkind = 'r'
            AND NOT refresh.needs_staging(c.relname, held_since)
    LOOP
        BEGIN
            EXECUTE format('LOCK TABLE refresh_staging.%I IN ACCESS EXCLUSIVE MODE', name);
            -- A held task's staging may have been adopted while the lock was waited for.
            IF NOT refresh.needs_staging(name, held_since) THEN
                EXECUTE format('DROP TABLE refresh_staging.%I', name);
                dropped := dropped + 1;
            END IF;
        EXCEPTION
            WHEN lock_not_available OR deadlock_detected THEN
                deferred := deferred + 1;
            WHEN undefined_table THEN
                NULL; -- its worker dropped it in the meantime
        END;
    END LOOP;
    DELETE FROM refresh.refresh_task_definition d
    USING refresh.refresh_task t
    WHERE (t.run_id, t.table_schema, t.table_name) = (d.run_id, d.table_schema, d.table_name)
        AND refresh.is_terminal(t.status) AND NOT (t.status = 'held' AND t.finished_at >= held_since);
    RETURN jsonb_build_object('staging_tables', dropped, 'staging_tables_deferred', deferred);
END $$;
