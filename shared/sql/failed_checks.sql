-- What a task's checks found: how many warn, which hold, in words, and what they measure. What was released holds no more.
SELECT count(*) FILTER (WHERE outcome = 'warn') AS warned,
    string_agg(coalesce(scope, 'NULL') || ': ' || CASE metric
        WHEN 'refused' THEN 'comes again as it was refused'
        WHEN 'rolled_back' THEN 'comes again as it was rolled back'
        ELSE metric || ' is ' || trim_scale(round(value, 6))
            || CASE metric WHEN 'completeness' THEN ', at least ' WHEN 'scope_rows' THEN ', at least ' ELSE ', at most ' END
            || trim_scale(round(threshold, 6))
            || coalesce(' (' || (SELECT string_agg(report, '; ') FROM jsonb_array_elements_text(details -> 'reports') AS report) || ')', '')
        END, '. ' ORDER BY scope, metric) FILTER (WHERE outcome = 'hold') AS held,
    coalesce(array_agg(DISTINCT metric) FILTER (WHERE outcome = 'hold'), '{}') AS hold_metrics
FROM refresh.refresh_data_quality
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND NOT passed
    AND NOT details ?| ARRAY['released_from', 'behind_refusal']
