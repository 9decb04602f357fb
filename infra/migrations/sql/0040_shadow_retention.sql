-- Reports of shadows are kept for 400 days: more than the clean days that can be asked for.

CREATE OR REPLACE FUNCTION refresh.cleanup_reports(report_days integer DEFAULT 90, batch_rows integer DEFAULT 100000, as_of timestamptz DEFAULT now())
RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    IF report_days < 1 OR batch_rows < 1 OR report_days IS NULL OR batch_rows IS NULL THEN
        RAISE EXCEPTION 'cleanup_reports: report_days and batch_rows must be at least 1' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    DELETE FROM refresh.refresh_diff WHERE ctid = ANY (ARRAY(
        SELECT d.ctid FROM refresh.refresh_diff d JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
        WHERE t.finished_at < as_of - make_interval(days => report_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    DELETE FROM refresh.refresh_shadow_report r WHERE r.day < (as_of - make_interval(days => greatest(report_days, 400)))::date;
    RETURN jsonb_build_object('diffs', n);
END $$;
