-- Files that people keep have slips. A line that cannot be right is refused by what is wrong with it, and COPY adds its
-- number; a file that says two things of one ASIN or query is refused, too, where the later line would silently win.

CREATE OR REPLACE FUNCTION sqp.add_brand(client text, brand text) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.require('client', $1), sqp.require('brand', $2);
    IF btrim($2) = 'unmapped' THEN
        RAISE EXCEPTION 'no brand can be called unmapped' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'That name stands for ASINs without a brand: leave them out.';
    END IF;
    INSERT INTO sqp.brands (client_id, brand) VALUES ($1, btrim($2)) ON CONFLICT (client_id, brand) DO NOTHING;
    RETURN sqp.brand_id_of($1, btrim($2));
END $$;

CREATE OR REPLACE FUNCTION sqp.map_asin(client text, marketplace text, asin text, brand text, origin text DEFAULT 'manual')
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.require('client', $1), sqp.require('marketplace', $2), sqp.require('asin', $3), sqp.require('brand', $4);
    IF btrim($3) !~ '^\S{1,10}$' THEN
        RAISE EXCEPTION '% is no ASIN', $3 USING ERRCODE = 'invalid_parameter_value',
            HINT = 'An ASIN has at most 10 characters and no blanks.';
    ELSIF $5 IS NULL OR $5 NOT IN ('manual', 'automatic') THEN
        RAISE EXCEPTION 'origin is %', coalesce($5, 'NULL') USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use manual or automatic.';
    END IF;
    INSERT INTO sqp.asin_brand_map AS map (client_id, marketplace_id, asin, origin, brand_id)
    VALUES ($1, $2, btrim($3), $5, sqp.brand_id_of($1, $4))
    ON CONFLICT (client_id, marketplace_id, asin, origin) DO UPDATE SET brand_id = EXCLUDED.brand_id
    WHERE map.brand_id <> EXCLUDED.brand_id;
END $$;

CREATE OR REPLACE FUNCTION sqp.classify_query(client text, marketplace text, search_query text, class text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.require('client', $1), sqp.require('marketplace', $2), sqp.require('search_query', sqp.query_key($3));
    IF $4 IS NULL THEN
        DELETE FROM sqp.query_class
        WHERE client_id = $1 AND marketplace_id = $2 AND search_query_key = sqp.query_key($3);
        RETURN;
    ELSIF $4 NOT IN ('branded', 'generic', 'competitor') THEN
        RAISE EXCEPTION 'class is %', $4 USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use branded, generic or competitor.';
    END IF;
    INSERT INTO sqp.query_class AS entry (client_id, marketplace_id, search_query_key, class)
    VALUES ($1, $2, sqp.query_key($3), $4)
    ON CONFLICT (client_id, marketplace_id, search_query_key) DO UPDATE SET class = EXCLUDED.class
    WHERE entry.class <> EXCLUDED.class;
END $$;

CREATE VIEW sqp.brand_import AS SELECT client_id, brand FROM sqp.brands;
COMMENT ON VIEW sqp.brand_import IS
    'COPY sqp.brand_import FROM STDIN (FORMAT csv, HEADER match) takes client_id, brand: makes the brands that are new.';
COMMENT ON COLUMN sqp.brand_import.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.brand_import.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON VIEW sqp.asin_brand_import IS
    'COPY sqp.asin_brand_import FROM STDIN (FORMAT csv, HEADER match) takes client_id, marketplace_id, asin, brand: manual entries; brands that are new are made.';
COMMENT ON VIEW sqp.brand_term_import IS
    'COPY sqp.brand_term_import FROM STDIN (FORMAT csv, HEADER match) takes client_id, brand, term; brands that are new are made.';
COMMENT ON VIEW sqp.query_class_import IS
    'COPY sqp.query_class_import FROM STDIN (FORMAT csv, HEADER match) takes client_id, marketplace_id, search_query, class.';

-- What the lines of the statement that is under way have said, by what they say it of.
CREATE FUNCTION sqp.begin_import() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
BEGIN
    CREATE TEMPORARY TABLE IF NOT EXISTS sqp_import_lines (subject text PRIMARY KEY, said text NOT NULL) ON COMMIT DROP;
    TRUNCATE pg_temp.sqp_import_lines;
    RETURN NULL;
END $$;

CREATE FUNCTION sqp.note_import(subject text, said text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before text;
BEGIN
    INSERT INTO pg_temp.sqp_import_lines (subject, said) VALUES ($1, $2) ON CONFLICT DO NOTHING;
    SELECT line.said INTO before FROM pg_temp.sqp_import_lines AS line WHERE line.subject = $1;
    IF before <> $2 THEN
        RAISE EXCEPTION '% stands twice, as % and as %', $1, before, $2 USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Take one of the lines out.';
    END IF;
END $$;

CREATE OR REPLACE FUNCTION sqp.import_mapping() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.client_id := btrim(NEW.client_id);
    CASE TG_TABLE_NAME
        WHEN 'brand_import' THEN
            PERFORM sqp.add_brand(NEW.client_id, NEW.brand);
        WHEN 'asin_brand_import' THEN
            PERFORM sqp.add_brand(NEW.client_id, NEW.brand);
            PERFORM sqp.map_asin(NEW.client_id, btrim(NEW.marketplace_id), NEW.asin, btrim(NEW.brand));
            PERFORM sqp.note_import(
                format('%s of %s, %s', btrim(NEW.asin), NEW.client_id, btrim(NEW.marketplace_id)), btrim(NEW.brand));
        WHEN 'brand_term_import' THEN
            PERFORM sqp.add_brand(NEW.client_id, NEW.brand);
            PERFORM sqp.add_brand_term(NEW.client_id, btrim(NEW.brand), NEW.term);
        WHEN 'query_class_import' THEN
            PERFORM sqp.require('class', NEW.class);
            PERFORM sqp.classify_query(NEW.client_id, btrim(NEW.marketplace_id), NEW.search_query, btrim(NEW.class));
            PERFORM sqp.note_import(
                format('%s of %s, %s', sqp.query_key(NEW.search_query), NEW.client_id, btrim(NEW.marketplace_id)),
                btrim(NEW.class));
    END CASE;
    RETURN NEW;
END $$;

CREATE TRIGGER import_mapping INSTEAD OF INSERT ON sqp.brand_import
FOR EACH ROW EXECUTE FUNCTION sqp.import_mapping();
CREATE TRIGGER begin_import BEFORE INSERT ON sqp.asin_brand_import
FOR EACH STATEMENT EXECUTE FUNCTION sqp.begin_import();
CREATE TRIGGER begin_import BEFORE INSERT ON sqp.query_class_import
FOR EACH STATEMENT EXECUTE FUNCTION sqp.begin_import();
