-- What a task's checks found: how many warn, and which hold, in words. What was released holds no more, and what people have
-- decided about is told elsewhere.
SELECT count(*) FILTER (WHERE outcome = 'warn') AS warned,
    string_agg(coalesce(scope, 'NULL') || ': ' || metric || ' is ' || trim_scale(round(value, 6))
        || CASE WHEN metric IN ('completeness', 'scope_rows') OR details ->> 'too_many' = 'false' THEN ', at least ' ELSE ', at most ' END
        || trim_scale(round(threshold, 6))
        || coalesce(' (' || (SELECT string_agg(report, '; ') FROM jsonb_array_elements_text(details -> 'reports') AS report) || ')', ''),
        '. ' ORDER BY scope, metric) FILTER (WHERE outcome = 'hold') AS held
FROM refresh.refresh_data_quality
WHERE run_id = :run_id AND table_schema = :schema AND table_name = :name AND NOT passed
    AND metric NOT IN ('refused', 'rolled_back') AND NOT details ?| ARRAY['released_from', 'behind_refusal']
