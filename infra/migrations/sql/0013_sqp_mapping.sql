-- Brands, terms and classes of queries are kept by hand: by functions one by one, by COPY into the views *_import in bulk.
-- What is already as asked for is left alone, so that importing a file twice refreshes nothing.

COMMENT ON COLUMN sqp.asin_brand_map.origin IS 'manual: by a person, beats automatic: found by sqp.map_asins_by_title.';

CREATE FUNCTION sqp.require(name text, value text) RETURNS void LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL OR btrim(value) = '' THEN
        RAISE EXCEPTION '% is missing', name USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a text that is not empty.';
    END IF;
END $$;

CREATE FUNCTION sqp.brand_id_of(client text, brand text) RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    found_id bigint;
BEGIN
    SELECT brand_id INTO found_id FROM sqp.brands WHERE client_id = $1 AND brand = $2;
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'client % has no brand %', $1, $2 USING ERRCODE = 'no_data_found',
            HINT = format('Add it by sqp.add_brand(%L, %L).', $1, $2);
    END IF;
    RETURN found_id;
END $$;

CREATE FUNCTION sqp.add_brand(client text, brand text) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.require('client', $1), sqp.require('brand', $2);
    INSERT INTO sqp.brands (client_id, brand) VALUES ($1, btrim($2)) ON CONFLICT (client_id, brand) DO NOTHING;
    RETURN sqp.brand_id_of($1, btrim($2));
END $$;
COMMENT ON FUNCTION sqp.add_brand IS 'Makes a brand of a client, unless there is one; returns its id.';

CREATE FUNCTION sqp.rename_brand(client text, brand text, new_brand text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM sqp.require('new_brand', $3);
    UPDATE sqp.brands SET brand = btrim($3) WHERE brand_id = sqp.brand_id_of($1, $2);
END $$;
COMMENT ON FUNCTION sqp.rename_brand IS 'Gives a brand another name; its ASINs and terms stay with it.';

CREATE FUNCTION sqp.remove_brand(client text, brand text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint := sqp.brand_id_of($1, $2);
BEGIN
    DELETE FROM sqp.brand_terms WHERE brand_id = gone;
    DELETE FROM sqp.asin_brand_map WHERE brand_id = gone;
    DELETE FROM sqp.brands WHERE brand_id = gone;
END $$;
COMMENT ON FUNCTION sqp.remove_brand IS 'Removes a brand with its terms and its ASIN entries; those ASINs are unmapped unless another entry has them.';

CREATE FUNCTION sqp.map_asin(client text, marketplace text, asin text, brand text, origin text DEFAULT 'manual')
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.require('client', $1), sqp.require('marketplace', $2), sqp.require('asin', $3), sqp.require('brand', $4);
    INSERT INTO sqp.asin_brand_map AS map (client_id, marketplace_id, asin, origin, brand_id)
    VALUES ($1, $2, btrim($3), $5, sqp.brand_id_of($1, $4))
    ON CONFLICT (client_id, marketplace_id, asin, origin) DO UPDATE SET brand_id = EXCLUDED.brand_id
    WHERE map.brand_id <> EXCLUDED.brand_id;
END $$;
COMMENT ON FUNCTION sqp.map_asin IS 'Puts an ASIN of a marketplace under a brand; origin is manual or automatic, and manual beats automatic.';

CREATE FUNCTION sqp.unmap_asin(client text, marketplace text, asin text, origin text DEFAULT 'manual') RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM sqp.asin_brand_map
    WHERE client_id = $1 AND marketplace_id = $2 AND asin = $3 AND origin = $4;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION sqp.unmap_asin IS 'Removes an entry; returns whether there was one. An automatic entry then counts again.';

CREATE FUNCTION sqp.add_brand_term(client text, brand text, term text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.require('client', $1), sqp.require('term', sqp.query_key($3));
    INSERT INTO sqp.brand_terms (client_id, brand_id, term) VALUES ($1, sqp.brand_id_of($1, $2), sqp.query_key($3))
    ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION sqp.add_brand_term IS 'Makes queries with these words, in this order, branded ones.';

CREATE FUNCTION sqp.remove_brand_term(client text, brand text, term text) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM sqp.brand_terms
    WHERE client_id = $1 AND brand_id = sqp.brand_id_of($1, $2) AND sqp.query_key(term) = sqp.query_key($3);
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION sqp.remove_brand_term IS 'Removes a term; returns whether there was one.';

CREATE FUNCTION sqp.classify_query(client text, marketplace text, search_query text, class text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.require('client', $1), sqp.require('marketplace', $2), sqp.require('search_query', sqp.query_key($3));
    IF $4 IS NULL THEN
        DELETE FROM sqp.query_class
        WHERE client_id = $1 AND marketplace_id = $2 AND search_query_key = sqp.query_key($3);
        RETURN;
    END IF;
    INSERT INTO sqp.query_class AS entry (client_id, marketplace_id, search_query_key, class)
    VALUES ($1, $2, sqp.query_key($3), $4)
    ON CONFLICT (client_id, marketplace_id, search_query_key) DO UPDATE SET class = EXCLUDED.class
    WHERE entry.class <> EXCLUDED.class;
END $$;
COMMENT ON FUNCTION sqp.classify_query IS
    'Sets the class of a query (branded, generic or competitor) against what the brand terms say; NULL leaves it to them again.';

CREATE FUNCTION sqp.map_asins_by_title(client text) RETURNS bigint LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    n_removed bigint;
    n_written bigint;
BEGIN
    CREATE TEMPORARY TABLE sqp_titled ON COMMIT DROP AS
    SELECT DISTINCT ON (product.marketplace_id, product.asin) product.marketplace_id, product.asin, mark.brand_id
    FROM (
        SELECT DISTINCT ON (marketplace_id, asin) marketplace_id, asin, ' ' || sqp.query_key(title) || ' ' AS words
        FROM sqp.asin_performance_data
        WHERE client_id = $1 AND title IS NOT NULL
        ORDER BY marketplace_id, asin, period_start DESC
    ) AS product
    JOIN (
        SELECT brand_id, sqp.query_key(brand) AS words FROM sqp.brands WHERE client_id = $1
        UNION SELECT brand_id, sqp.query_key(term) FROM sqp.brand_terms WHERE client_id = $1
    ) AS mark ON position(' ' || mark.words || ' ' IN product.words) > 0
    ORDER BY product.marketplace_id, product.asin, length(mark.words) DESC, mark.brand_id;

    DELETE FROM sqp.asin_brand_map AS map
    WHERE map.client_id = $1 AND map.origin = 'automatic'
        AND NOT EXISTS (
            SELECT FROM pg_temp.sqp_titled AS t WHERE t.marketplace_id = map.marketplace_id AND t.asin = map.asin);
    GET DIAGNOSTICS n_removed = ROW_COUNT;
    INSERT INTO sqp.asin_brand_map AS map (client_id, marketplace_id, asin, origin, brand_id)
    SELECT $1, marketplace_id, asin, 'automatic', brand_id FROM pg_temp.sqp_titled
    ON CONFLICT (client_id, marketplace_id, asin, origin) DO UPDATE SET brand_id = EXCLUDED.brand_id
    WHERE map.brand_id <> EXCLUDED.brand_id;
    GET DIAGNOSTICS n_written = ROW_COUNT;
    DROP TABLE pg_temp.sqp_titled;
    RETURN n_removed + n_written;
END $$;
COMMENT ON FUNCTION sqp.map_asins_by_title IS
    'Makes the automatic entries of a client anew: an ASIN goes to the brand whose name or term, the longest, stands in its latest title as whole words. Returns how many entries changed.';

CREATE VIEW sqp.asin_brand_import AS
SELECT map.client_id, map.marketplace_id, map.asin::text AS asin, brands.brand
FROM sqp.asin_brand_map AS map JOIN sqp.brands AS brands USING (client_id, brand_id)
WHERE map.origin = 'manual';
COMMENT ON VIEW sqp.asin_brand_import IS
    'COPY sqp.asin_brand_import FROM STDIN (FORMAT csv, HEADER true) takes client_id, marketplace_id, asin, brand: manual entries; brands that are new are made.';

CREATE VIEW sqp.brand_term_import AS
SELECT terms.client_id, brands.brand, terms.term
FROM sqp.brand_terms AS terms JOIN sqp.brands AS brands USING (client_id, brand_id);
COMMENT ON VIEW sqp.brand_term_import IS
    'COPY sqp.brand_term_import FROM STDIN (FORMAT csv, HEADER true) takes client_id, brand, term; brands that are new are made.';

CREATE VIEW sqp.query_class_import AS
SELECT client_id, marketplace_id, search_query_key AS search_query, class FROM sqp.query_class;
COMMENT ON VIEW sqp.query_class_import IS
    'COPY sqp.query_class_import FROM STDIN (FORMAT csv, HEADER true) takes client_id, marketplace_id, search_query, class.';

CREATE FUNCTION sqp.import_mapping() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CASE TG_TABLE_NAME
        WHEN 'asin_brand_import' THEN
            PERFORM sqp.add_brand(NEW.client_id, NEW.brand);
            PERFORM sqp.map_asin(NEW.client_id, NEW.marketplace_id, NEW.asin, btrim(NEW.brand));
        WHEN 'brand_term_import' THEN
            PERFORM sqp.add_brand(NEW.client_id, NEW.brand);
            PERFORM sqp.add_brand_term(NEW.client_id, btrim(NEW.brand), NEW.term);
        WHEN 'query_class_import' THEN
            PERFORM sqp.require('class', NEW.class);
            PERFORM sqp.classify_query(NEW.client_id, NEW.marketplace_id, NEW.search_query, NEW.class);
    END CASE;
    RETURN NEW;
END $$;
CREATE TRIGGER import_mapping INSTEAD OF INSERT ON sqp.asin_brand_import
FOR EACH ROW EXECUTE FUNCTION sqp.import_mapping();
CREATE TRIGGER import_mapping INSTEAD OF INSERT ON sqp.brand_term_import
FOR EACH ROW EXECUTE FUNCTION sqp.import_mapping();
CREATE TRIGGER import_mapping INSTEAD OF INSERT ON sqp.query_class_import
FOR EACH ROW EXECUTE FUNCTION sqp.import_mapping();

-- Coverage follows from which reports and rows there are, so it is kept by the transaction that changes them.
CREATE FUNCTION sqp.record_coverage() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH series AS (
        SELECT DISTINCT client_id, marketplace_id, report_period FROM changed
    ),
    measured AS MATERIALIZED (
        SELECT client_id, marketplace_id, report_period, period_start, asin
        FROM sqp.asin_performance_data JOIN series USING (client_id, marketplace_id, report_period)
    ),
    report AS MATERIALIZED (
        SELECT DISTINCT client_id, marketplace_id, report_period, period_start FROM measured
    ),
    calendar AS (
        SELECT client_id, marketplace_id, report_period, day::date AS period_start
        FROM (
            SELECT client_id, marketplace_id, report_period, min(period_start) AS first, max(period_start) AS last
            FROM report GROUP BY 1, 2, 3
        ) AS bounds
        CROSS JOIN LATERAL generate_series(first::timestamp, last::timestamp, CASE report_period
            WHEN 'WEEK' THEN interval '7 days' WHEN 'MONTH' THEN interval '1 month' ELSE interval '3 months' END) AS day
    ),
    lifetime AS (
        SELECT client_id, marketplace_id, report_period, asin, min(period_start) AS first
        FROM measured GROUP BY 1, 2, 3, 4
    ),
    expected AS MATERIALIZED (
        SELECT client_id, marketplace_id, report_period, calendar.period_start, lifetime.asin,
            CASE
                WHEN measured.asin IS NOT NULL THEN 'measured'
                WHEN report.period_start IS NOT NULL THEN 'empty_report'
                ELSE 'not_covered'
            END AS coverage
        FROM lifetime
        JOIN calendar USING (client_id, marketplace_id, report_period)
        LEFT JOIN report USING (client_id, marketplace_id, report_period, period_start)
        LEFT JOIN measured USING (client_id, marketplace_id, report_period, period_start, asin)
        WHERE calendar.period_start >= lifetime.first
    ),
    gone AS (
        DELETE FROM sqp.report_coverage AS known USING series
        WHERE (known.client_id, known.marketplace_id, known.report_period)
                = (series.client_id, series.marketplace_id, series.report_period)
            AND NOT EXISTS (
                SELECT FROM expected
                WHERE (expected.client_id, expected.marketplace_id, expected.report_period, expected.period_start, expected.asin)
                    = (known.client_id, known.marketplace_id, known.report_period, known.period_start, known.asin))
    )
    INSERT INTO sqp.report_coverage AS known (client_id, marketplace_id, report_period, period_start, asin, coverage)
    SELECT client_id, marketplace_id, report_period, period_start, asin, expected.coverage
    FROM expected
    LEFT JOIN sqp.report_coverage AS before USING (client_id, marketplace_id, report_period, period_start, asin)
    WHERE before.coverage IS DISTINCT FROM expected.coverage
    ON CONFLICT (client_id, marketplace_id, report_period, period_start, asin) DO UPDATE SET coverage = EXCLUDED.coverage;
    RETURN NULL;
END $$;
CREATE TRIGGER record_coverage_of_new AFTER INSERT ON sqp.asin_performance_data
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sqp.record_coverage();
CREATE TRIGGER record_coverage_of_old AFTER DELETE ON sqp.asin_performance_data
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sqp.record_coverage();

CREATE FUNCTION sqp.forget_coverage() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM sqp.report_coverage;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_coverage AFTER TRUNCATE ON sqp.asin_performance_data
FOR EACH STATEMENT EXECUTE FUNCTION sqp.forget_coverage();

COMMENT ON TABLE sqp.report_coverage IS
    'What is known of an own ASIN in a period, from its first measured one to the last report of its series: a missing row is not a zero.';
COMMENT ON COLUMN sqp.report_coverage.coverage IS
    'measured: it has rows; empty_report: the report came, without a row for it; not_covered: no report of the period came.';
