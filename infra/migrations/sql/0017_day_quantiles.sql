-- Durations of a day are kept as at most 200 quantiles: those of many days are quickly put together.

CREATE INDEX refresh_task_of_run ON refresh.refresh_task (run_id) INCLUDE (status, bytes_billed);

TRUNCATE refresh.refresh_day;
ALTER TABLE refresh.refresh_day DROP COLUMN durations_ms;
ALTER TABLE refresh.refresh_day
    ADD COLUMN durations integer NOT NULL,
    ADD COLUMN p50_ms integer,
    ADD COLUMN p95_ms integer,
    ADD COLUMN quantiles_ms integer[] NOT NULL;
COMMENT ON COLUMN refresh.refresh_day.durations IS 'Number of tasks that were started; p50_ms and p95_ms are theirs.';
COMMENT ON COLUMN refresh.refresh_day.quantiles_ms IS 'Their durations, ascending; of more than 200 the middles of 200 equal parts.';

CREATE FUNCTION refresh.quantiles(ascending integer[]) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp AS $$
SELECT CASE WHEN cardinality(ascending) <= 200 THEN ascending
    ELSE ARRAY(SELECT ascending[ceil((part - 0.5) * cardinality(ascending) / 200)::integer] FROM generate_series(1, 200) AS part)
END $$;

CREATE OR REPLACE FUNCTION refresh.roll_up_days(since timestamptz, OUT covered_from timestamptz, OUT covered_until timestamptz)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first_day date;
    open_day date := refresh.first_open_day();
BEGIN
    SELECT min(finished_at)::date INTO first_day FROM refresh.refresh_task WHERE finished_at IS NOT NULL;
    first_day := least(open_day, greatest(first_day, (since + interval '1 day' - interval '1 microsecond')::date));
    covered_from := coalesce(first_day, open_day);
    covered_until := open_day;
    IF NOT EXISTS (
        SELECT FROM generate_series(covered_from, open_day - 1, interval '1 day') AS d
        WHERE NOT EXISTS (SELECT FROM refresh.refresh_day r WHERE r.day = d::date)
    ) THEN
        RETURN;
    END IF;
    -- While somebody writes tasks of days that are over, these are counted where they stand.
    IF NOT pg_try_advisory_xact_lock(refresh.day_lock()) THEN
        covered_until := covered_from;
        RETURN;
    END IF;
    INSERT INTO refresh.refresh_day (day, by_status, rows_read, rows_inserted, rows_updated, rows_deleted, rows_quarantined,
        bytes_billed, durations, p50_ms, p95_ms, quantiles_ms)
    SELECT d::date,
        coalesce((SELECT jsonb_object_agg(s.status, s.tasks) FROM (
            SELECT t.status, count(*) AS tasks FROM refresh.refresh_task t
            WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day' GROUP BY t.status) s), '{}'),
        sums.rows_read, sums.rows_inserted, sums.rows_updated, sums.rows_deleted, sums.rows_quarantined, sums.bytes_billed,
        cardinality(sums.ascending), sums.ascending[ceil(cardinality(sums.ascending) * 0.50)::integer],
        sums.ascending[ceil(cardinality(sums.ascending) * 0.95)::integer], refresh.quantiles(sums.ascending)
    FROM generate_series(covered_from, open_day - 1, interval '1 day') AS d
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(t.rows_read), 0) AS rows_read, coalesce(sum(t.rows_inserted), 0) AS rows_inserted,
            coalesce(sum(t.rows_updated), 0) AS rows_updated, coalesce(sum(t.rows_deleted), 0) AS rows_deleted,
            coalesce(sum(t.rows_quarantined), 0) AS rows_quarantined, coalesce(sum(t.bytes_billed), 0) AS bytes_billed,
            coalesce(array_agg(refresh.duration_ms(t.started_at, t.finished_at)
                ORDER BY refresh.duration_ms(t.started_at, t.finished_at)) FILTER (WHERE t.started_at IS NOT NULL), '{}')
                AS ascending
        FROM refresh.refresh_task t
        WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day'
    ) sums
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_day r WHERE r.day = d::date)
    ON CONFLICT (day) DO NOTHING;
END $$;
