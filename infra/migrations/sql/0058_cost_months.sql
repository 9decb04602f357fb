-- What a month has cost is not reckoned from each of its jobs anew: figures of the days that are over are kept.

CREATE TABLE refresh.refresh_cost_month (
    month date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    covered_until date NOT NULL,
    figures jsonb NOT NULL
);
COMMENT ON TABLE refresh.refresh_cost_month IS
    'Figures of the jobs that were started in a month (UTC), on days that are over: made when first asked for, gone when one of them changes.';
COMMENT ON COLUMN refresh.refresh_cost_month.covered_until IS 'The first day whose jobs are not in the figures.';
COMMENT ON COLUMN refresh.refresh_cost_month.figures IS 'JSON array of what refresh.month_costs returns.';
GRANT INSERT, UPDATE ON refresh.refresh_cost_month TO refresh_api;
GRANT DELETE ON refresh.refresh_cost_month TO refresh_loader;

-- Whether a run had jobs before a day.
CREATE INDEX refresh_job_cost_run ON refresh.refresh_job_cost (run_id, started_at);

CREATE FUNCTION refresh.month_costs(of_month date, until date) RETURNS TABLE (
    "table" text, day date, jobs bigint, runs bigint, bytes_billed numeric, usd numeric, bytes_unpriced numeric
) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    since date;
    kept jsonb;
BEGIN
    SELECT k.covered_until, k.figures INTO since, kept FROM refresh.refresh_cost_month k WHERE k.month = of_month;
    since := coalesce(since, of_month);
    RETURN QUERY
    WITH job AS MATERIALIZED (
        SELECT j.run_id, j.table_schema, j.table_name, j.started_at::date AS day, j.bytes_billed, coalesce(j.usd, 0) AS usd,
            CASE WHEN j.usd IS NULL THEN j.bytes_billed ELSE 0 END AS bytes_unpriced
        FROM refresh.refresh_job_cost j
        WHERE j.bytes_billed IS NOT NULL AND j.started_at >= since AND j.started_at < until
    ), counted AS (
        -- A run that goes on over midnight is one. Without DISTINCT the plan would walk through the month.
        SELECT r.run_id, before.table_schema, before.table_name
        FROM (SELECT DISTINCT run_id FROM job) r
        CROSS JOIN LATERAL (
            SELECT DISTINCT j.table_schema, j.table_name
            FROM refresh.refresh_job_cost j
            WHERE since > of_month AND j.run_id = r.run_id AND j.started_at >= of_month AND j.started_at < since
                AND j.bytes_billed IS NOT NULL
        ) before
    ), figure AS (
        SELECT k.*
        FROM jsonb_to_recordset(kept)
            AS k ("table" text, day date, jobs bigint, runs bigint, bytes_billed numeric, usd numeric, bytes_unpriced numeric)
        UNION ALL
        SELECT j.table_schema || '.' || j.table_name, NULL, count(*), count(DISTINCT j.run_id) FILTER (WHERE c.run_id IS NULL),
            sum(j.bytes_billed), sum(j.usd), sum(j.bytes_unpriced)
        FROM job j LEFT JOIN counted c USING (run_id, table_schema, table_name)
        GROUP BY j.table_schema, j.table_name
        UNION ALL
        SELECT NULL, j.day, count(*), NULL, sum(j.bytes_billed), sum(j.usd), sum(j.bytes_unpriced) FROM job j GROUP BY j.day
    )
    SELECT f."table", f.day, sum(f.jobs)::bigint, sum(f.runs)::bigint, sum(f.bytes_billed), sum(f.usd), sum(f.bytes_unpriced)
    FROM figure f GROUP BY f."table", f.day;
END $$;
COMMENT ON FUNCTION refresh.month_costs IS
    'What the jobs of a month''s days (UTC) before `until` billed: a row for each table, and one for each day, without runs. usd: of jobs with a price, bytes_unpriced: of those without.';

CREATE FUNCTION refresh.cost_lock(of_day date) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN hashtextextended('refresh.refresh_cost_month', of_day - DATE '2000-01-01');

CREATE FUNCTION refresh.roll_up_costs(of_month date) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    until date := least(refresh.first_open_day(), (of_month + interval '1 month')::date);
BEGIN
    IF until <= coalesce((SELECT k.covered_until FROM refresh.refresh_cost_month k WHERE k.month = of_month), of_month) THEN
        RETURN;
    END IF;
    -- While somebody settles jobs of those days, or counts them, they are counted where they stand.
    IF NOT (SELECT bool_and(pg_try_advisory_xact_lock(refresh.cost_lock(of_month + n)))
        FROM generate_series(0, until - of_month - 1) AS n) THEN
        RETURN;
    END IF;
    INSERT INTO refresh.refresh_cost_month AS k (month, covered_until, figures)
    SELECT of_month, until, jsonb_agg(f) FROM refresh.month_costs(of_month, until) f HAVING count(*) > 0
    ON CONFLICT (month) DO UPDATE SET covered_until = excluded.covered_until, figures = excluded.figures
    WHERE k.covered_until < excluded.covered_until;
END $$;
COMMENT ON FUNCTION refresh.roll_up_costs IS 'Keeps what the days of a month that are over have cost.';

-- A settled job holds the lock of its day even while that is open: when it is over, nobody is still about to settle unseen.
CREATE FUNCTION refresh.forget_costs() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    days date[];
BEGIN
    SELECT array_agg(DISTINCT c.started_at::date) INTO days FROM changed c WHERE c.bytes_billed IS NOT NULL;
    IF days IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared(refresh.cost_lock(d)) FROM unnest(days) AS d;
        DELETE FROM refresh.refresh_cost_month k USING unnest(days) AS d
        WHERE k.month = date_trunc('month', d)::date AND k.covered_until > d;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER forget_costs_inserted AFTER INSERT ON refresh.refresh_job_cost
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_costs();
CREATE TRIGGER forget_costs_updated AFTER UPDATE ON refresh.refresh_job_cost
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_costs();
CREATE TRIGGER forget_costs_moved AFTER UPDATE ON refresh.refresh_job_cost
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_costs();
CREATE TRIGGER forget_costs_deleted AFTER DELETE ON refresh.refresh_job_cost
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_costs();
