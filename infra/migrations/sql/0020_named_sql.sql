-- A query of one's own as a source: the registry names it (sql:name), and it stands here once, with its trail. The workers
-- refuse one that does not read every table as of the run's snapshot.

CREATE TABLE refresh.refresh_named_sql (
    name text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9_]{0,62}$'),
    sql text NOT NULL CHECK (sql ~ '\S' AND octet_length(sql) <= 200000),
    description text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE refresh.refresh_named_sql IS 'A SELECT in GoogleSQL that tables take as their source, as sql:name.';
COMMENT ON COLUMN refresh.refresh_named_sql.sql IS 'Reads every table FOR SYSTEM_TIME AS OF @snapshot_at.';

CREATE FUNCTION refresh.guard_named_sql() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    users text;
BEGIN
    IF TG_OP <> 'INSERT' AND (TG_OP = 'DELETE' OR NEW.name <> OLD.name) THEN
        SELECT string_agg(r.table_schema || '.' || r.table_name, ', ' ORDER BY 1) INTO users
        FROM refresh.refresh_table_registry r WHERE r.source = 'sql:' || OLD.name;
        IF users IS NOT NULL THEN
            RAISE EXCEPTION 'named SQL % is the source of %', OLD.name, users USING ERRCODE = 'foreign_key_violation',
                HINT = 'Give these tables another source first.';
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    NEW.changed_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER guard_named_sql BEFORE INSERT OR UPDATE OR DELETE ON refresh.refresh_named_sql
FOR EACH ROW EXECUTE FUNCTION refresh.guard_named_sql();

CREATE FUNCTION refresh.audit_named_sql() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO refresh.refresh_audit_log (event, details)
    VALUES ('named_sql_changed', jsonb_build_object(
        'by', coalesce(nullif(current_setting('refresh.actor', true), ''), session_user),
        'name', coalesce(NEW.name, OLD.name), 'old', OLD.sql, 'new', NEW.sql));
    RETURN NULL;
END $$;
CREATE TRIGGER audit_named_sql AFTER INSERT OR UPDATE OR DELETE ON refresh.refresh_named_sql
FOR EACH ROW EXECUTE FUNCTION refresh.audit_named_sql();

GRANT INSERT, UPDATE (sql, description), DELETE ON refresh.refresh_named_sql TO refresh_api;

CREATE OR REPLACE FUNCTION refresh.check_source(entry refresh.refresh_table_registry) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF entry.handler = 'summaries' THEN
        RETURN;
    END IF;
    IF entry.source IS NULL THEN
        PERFORM refresh.refuse_registration(entry, 'source', 'is missing',
            'Set source to the BigQuery table or view, as project.dataset.table, or to a named SQL, as sql:name.');
    END IF;
    IF starts_with(entry.source, 'sql:') THEN
        IF NOT EXISTS (SELECT FROM refresh.refresh_named_sql n WHERE entry.source = 'sql:' || n.name) THEN
            PERFORM refresh.refuse_registration(entry, 'source', format('is %s, and there is no such named SQL', entry.source),
                'INSERT INTO refresh.refresh_named_sql (name, sql) VALUES (…) first, or correct the name.');
        END IF;
        RETURN;
    END IF;
    -- A project may have a domain in front (example.com:project), a table name also letters of any script, - and spaces.
    IF entry.source !~ '^([A-Za-z0-9.-]+:)?[A-Za-z0-9][A-Za-z0-9_-]*\.[A-Za-z0-9_]+\.[^].:`"''\\*@$/(){}\[[:cntrl:]]+$' THEN
        PERFORM refresh.refuse_registration(entry, 'source', format('is %s, which is not project.dataset.table', quote_literal(entry.source)),
            'Name one BigQuery table or view by exactly three parts, without backticks, wildcard or decorator; '
            'a dataset has letters, digits and _ only.');
    END IF;
END $$;
COMMENT ON COLUMN refresh.refresh_table_registry.source IS 'BigQuery table or view, project.dataset.table, or a named SQL, sql:name.';
