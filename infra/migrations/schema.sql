-- The schema that the migrations in sql/ add up to. Nothing applies this file: it is written by
-- `python -m infra.migrations snapshot`, and a test compares it with a database that was migrated.

CREATE SCHEMA refresh;
CREATE SCHEMA refresh_staging;
CREATE SCHEMA sqp;

CREATE TABLE refresh.managed_schema (
    schema_name text NOT NULL,
    CONSTRAINT managed_schema_pkey PRIMARY KEY (schema_name),
    CONSTRAINT managed_schema_schema_name_check CHECK ((schema_name <> ''::text))
);

CREATE TABLE refresh.materialized_view_refresh_status (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    last_refreshed_at timestamp with time zone,
    duration_ms bigint,
    rows bigint,
    is_concurrent boolean,
    input_versions jsonb NOT NULL DEFAULT '{}'::jsonb,
    run_id uuid,
    last_error text,
    CONSTRAINT materialized_view_refresh_status_pkey PRIMARY KEY (table_schema, table_name),
    CONSTRAINT materialized_view_refresh_status_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name) ON DELETE CASCADE
);

CREATE TABLE refresh.refresh_audit_log (
    audit_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    run_id uuid,
    table_schema text,
    table_name text,
    slice_no integer,
    event text NOT NULL,
    status text,
    duration_ms bigint,
    rows_read bigint,
    rows_staged bigint,
    rows_inserted bigint,
    rows_updated bigint,
    rows_deleted bigint,
    rows_unchanged bigint,
    rows_quarantined bigint,
    rows_superseded bigint,
    rows_merged bigint,
    bytes_billed bigint,
    bigquery_job_id text,
    error text,
    details jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT refresh_audit_log_pkey PRIMARY KEY (audit_id, at)
) PARTITION BY RANGE (at);

CREATE TABLE refresh.refresh_checkpoint (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    slice_no integer NOT NULL,
    scope_values text[] NOT NULL,
    status text NOT NULL DEFAULT 'pending'::text,
    epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamp with time zone,
    commit_marker uuid,
    not_before timestamp with time zone NOT NULL DEFAULT now(),
    attempt integer NOT NULL DEFAULT 0,
    generation integer NOT NULL DEFAULT 1,
    job_id text,
    job_project text,
    job_location text,
    read_session text,
    stream_offsets jsonb NOT NULL DEFAULT '{}'::jsonb,
    rows_expected bigint NOT NULL,
    source_rows_expected bigint NOT NULL,
    rows_received bigint NOT NULL DEFAULT 0,
    rows_read bigint NOT NULL DEFAULT 0,
    rows_staged bigint NOT NULL DEFAULT 0,
    rows_quarantined bigint NOT NULL DEFAULT 0,
    rows_superseded bigint NOT NULL DEFAULT 0,
    rows_merged bigint NOT NULL DEFAULT 0,
    values_stripped jsonb NOT NULL DEFAULT '{}'::jsonb,
    bytes_billed bigint NOT NULL DEFAULT 0,
    figures_expected jsonb NOT NULL DEFAULT '{}'::jsonb,
    figures_found jsonb NOT NULL DEFAULT '{}'::jsonb,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT refresh_checkpoint_pkey PRIMARY KEY (run_id, table_schema, table_name, slice_no),
    CONSTRAINT refresh_checkpoint_run_id_table_schema_table_name_fkey FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task(run_id, table_schema, table_name) ON DELETE CASCADE,
    CONSTRAINT done_is_complete CHECK (((status <> 'done'::text) OR ((rows_received = rows_expected) AND (rows_read = source_rows_expected)))),
    CONSTRAINT read_rows_are_conserved CHECK ((rows_read = (((rows_staged + rows_quarantined) + rows_superseded) + rows_merged))),
    CONSTRAINT received_rows_are_conserved CHECK ((rows_received = (rows_staged + rows_quarantined))),
    CONSTRAINT refresh_checkpoint_check CHECK (((lease_until IS NULL) OR (status = 'running'::text))),
    CONSTRAINT refresh_checkpoint_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'running'::text, 'done'::text])))
);

CREATE TABLE refresh.refresh_data_quality (
    check_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    run_id uuid,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    scope text,
    metric text NOT NULL,
    value numeric,
    threshold numeric,
    outcome text NOT NULL DEFAULT 'warn'::text,
    passed boolean NOT NULL,
    details jsonb NOT NULL DEFAULT '{}'::jsonb,
    checked_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT refresh_data_quality_pkey PRIMARY KEY (check_id),
    CONSTRAINT refresh_data_quality_outcome_check CHECK ((outcome = ANY (ARRAY['warn'::text, 'hold'::text])))
);

CREATE TABLE refresh.refresh_day (
    day date NOT NULL,
    by_status jsonb NOT NULL,
    rows_read bigint NOT NULL,
    rows_inserted bigint NOT NULL,
    rows_updated bigint NOT NULL,
    rows_deleted bigint NOT NULL,
    rows_quarantined bigint NOT NULL,
    bytes_billed bigint NOT NULL,
    durations_ms integer[] NOT NULL,
    CONSTRAINT refresh_day_pkey PRIMARY KEY (day)
);

CREATE TABLE refresh.refresh_dead_letter (
    dead_letter_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    message_id text NOT NULL,
    topic text NOT NULL,
    reason text NOT NULL,
    payload text NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}'::jsonb,
    run_id uuid,
    table_schema text,
    table_name text,
    received_at timestamp with time zone NOT NULL DEFAULT now(),
    replayed_at timestamp with time zone,
    CONSTRAINT refresh_dead_letter_message_id_key UNIQUE (message_id),
    CONSTRAINT refresh_dead_letter_pkey PRIMARY KEY (dead_letter_id)
);

CREATE TABLE refresh.refresh_dependency (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    depends_on_schema text NOT NULL,
    depends_on_name text NOT NULL,
    kind text NOT NULL DEFAULT 'hard'::text,
    CONSTRAINT refresh_dependency_pkey PRIMARY KEY (table_schema, table_name, depends_on_schema, depends_on_name),
    CONSTRAINT refresh_dependency_depends_on_schema_depends_on_name_fkey FOREIGN KEY (depends_on_schema, depends_on_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name) ON DELETE CASCADE,
    CONSTRAINT refresh_dependency_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name) ON DELETE CASCADE,
    CONSTRAINT refresh_dependency_check CHECK (((table_schema <> depends_on_schema) OR (table_name <> depends_on_name))),
    CONSTRAINT refresh_dependency_kind_check CHECK ((kind = ANY (ARRAY['hard'::text, 'soft'::text])))
);

CREATE TABLE refresh.refresh_heartbeat (
    name text NOT NULL,
    beaten_at timestamp with time zone NOT NULL,
    CONSTRAINT refresh_heartbeat_pkey PRIMARY KEY (name),
    CONSTRAINT refresh_heartbeat_name_check CHECK ((name = ANY (ARRAY['sweep'::text, 'cleanup'::text])))
);

CREATE TABLE refresh.refresh_outbox (
    outbox_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    topic text NOT NULL,
    payload jsonb NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    published_at timestamp with time zone,
    CONSTRAINT refresh_outbox_pkey PRIMARY KEY (outbox_id)
);

CREATE TABLE refresh.refresh_partition_state (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    scope text,
    fingerprint text,
    definition_hash text NOT NULL,
    snapshot_at timestamp with time zone NOT NULL,
    rows bigint NOT NULL,
    rows_quarantined bigint NOT NULL DEFAULT 0,
    run_id uuid NOT NULL,
    refused_fingerprint text,
    published_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT refresh_partition_state_table_schema_table_name_scope_key UNIQUE NULLS NOT DISTINCT (table_schema, table_name, scope),
    CONSTRAINT refresh_partition_state_run_id_fkey FOREIGN KEY (run_id) REFERENCES refresh.refresh_run(run_id),
    CONSTRAINT refresh_partition_state_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name) ON DELETE CASCADE
);

CREATE TABLE refresh.refresh_quarantine (
    quarantine_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    slice_no integer NOT NULL,
    reason text NOT NULL,
    column_name text NOT NULL,
    source_row json NOT NULL,
    quarantined_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT refresh_quarantine_pkey PRIMARY KEY (quarantine_id)
);

CREATE TABLE refresh.refresh_run (
    run_id uuid NOT NULL DEFAULT gen_random_uuid(),
    trigger text NOT NULL,
    requested_by text NOT NULL,
    request jsonb NOT NULL DEFAULT '{}'::jsonb,
    idempotency_key text NOT NULL,
    request_hash text,
    replay_of uuid,
    scheduled_for timestamp with time zone,
    snapshot_at timestamp with time zone,
    status text NOT NULL DEFAULT 'running'::text,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    planned_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT refresh_run_idempotency_key_key UNIQUE (idempotency_key),
    CONSTRAINT refresh_run_pkey PRIMARY KEY (run_id),
    CONSTRAINT refresh_run_replay_of_fkey FOREIGN KEY (replay_of) REFERENCES refresh.refresh_run(run_id),
    CONSTRAINT refresh_run_check CHECK (((planned_at IS NULL) = (snapshot_at IS NULL))),
    CONSTRAINT refresh_run_check1 CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT refresh_run_request_check CHECK ((jsonb_typeof(request) = 'object'::text)),
    CONSTRAINT refresh_run_status_check CHECK ((status = ANY (ARRAY['running'::text, 'success'::text, 'warning'::text, 'failed'::text]))),
    CONSTRAINT refresh_run_trigger_check CHECK ((trigger = ANY (ARRAY['schedule'::text, 'manual'::text, 'replay'::text])))
);

CREATE TABLE refresh.refresh_table_registry (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    handler text NOT NULL,
    source text,
    column_map jsonb NOT NULL DEFAULT '{}'::jsonb,
    key_columns text[] NOT NULL DEFAULT '{}'::text[],
    scope_column text,
    scope_bucket text,
    strategy text NOT NULL DEFAULT 'merge'::text,
    mode text NOT NULL DEFAULT 'live'::text,
    priority integer NOT NULL DEFAULT 100,
    frequency_hours integer NOT NULL DEFAULT 24,
    lookback integer,
    slice_target_rows integer NOT NULL DEFAULT 250000,
    parallelism integer NOT NULL DEFAULT 1,
    max_bytes_billed bigint,
    checks jsonb NOT NULL DEFAULT '{}'::jsonb,
    nul_policies jsonb NOT NULL DEFAULT '{}'::jsonb,
    loaded_at_column text,
    last_refreshed_at timestamp with time zone,
    next_refresh_at timestamp with time zone,
    last_data_period text,
    config_version bigint NOT NULL DEFAULT 1,
    data_version bigint NOT NULL DEFAULT 0,
    scanned_snapshot_at timestamp with time zone,
    scanned_from text,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT refresh_table_registry_pkey PRIMARY KEY (table_schema, table_name),
    CONSTRAINT refresh_table_registry_check CHECK (((source IS NOT NULL) OR (handler = 'summaries'::text))),
    CONSTRAINT refresh_table_registry_check1 CHECK (((strategy <> 'append'::text) OR (cardinality(key_columns) > 0) OR (handler = ANY (ARRAY['asin'::text, 'search_queries'::text])))),
    CONSTRAINT refresh_table_registry_check2 CHECK (((scope_bucket IS NULL) OR (scope_column IS NOT NULL))),
    CONSTRAINT refresh_table_registry_check3 CHECK (((lookback IS NULL) OR (scope_column IS NOT NULL) OR (handler = ANY (ARRAY['asin'::text, 'search_queries'::text])))),
    CONSTRAINT refresh_table_registry_checks_check CHECK ((jsonb_typeof(checks) = 'object'::text)),
    CONSTRAINT refresh_table_registry_column_map_check CHECK ((jsonb_typeof(column_map) = 'object'::text)),
    CONSTRAINT refresh_table_registry_frequency_hours_check CHECK (((frequency_hours >= 1) AND (frequency_hours <= 168))),
    CONSTRAINT refresh_table_registry_handler_check CHECK ((handler = ANY (ARRAY['asin'::text, 'search_queries'::text, 'summaries'::text, 'generic'::text]))),
    CONSTRAINT refresh_table_registry_key_columns_check CHECK ((array_position(key_columns, NULL::text) IS NULL)),
    CONSTRAINT refresh_table_registry_lookback_check CHECK ((lookback > 0)),
    CONSTRAINT refresh_table_registry_max_bytes_billed_check CHECK ((max_bytes_billed > 0)),
    CONSTRAINT refresh_table_registry_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'shadow'::text, 'dry_run'::text, 'disabled'::text]))),
    CONSTRAINT refresh_table_registry_nul_policies_check CHECK ((jsonb_typeof(nul_policies) = 'object'::text)),
    CONSTRAINT refresh_table_registry_parallelism_check CHECK (((parallelism >= 1) AND (parallelism <= 32))),
    CONSTRAINT refresh_table_registry_priority_check CHECK (((priority >= 0) AND (priority <= 1000))),
    CONSTRAINT refresh_table_registry_scope_bucket_check CHECK ((scope_bucket ~ '^(day|week|month|hash:[1-9][0-9]{0,3})$'::text)),
    CONSTRAINT refresh_table_registry_slice_target_rows_check CHECK (((slice_target_rows >= 1) AND (slice_target_rows <= 100000000))),
    CONSTRAINT refresh_table_registry_strategy_check CHECK ((strategy = ANY (ARRAY['merge'::text, 'append'::text, 'replace'::text]))),
    CONSTRAINT refresh_table_registry_table_name_check CHECK (((table_name <> ''::text) AND (POSITION(('.'::text) IN (table_name)) = 0))),
    CONSTRAINT refresh_table_registry_table_schema_check CHECK (((table_schema <> ''::text) AND (POSITION(('.'::text) IN (table_schema)) = 0)))
);

CREATE TABLE refresh.refresh_task (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    handler text NOT NULL,
    priority integer NOT NULL,
    status text NOT NULL DEFAULT 'queued'::text,
    phase text NOT NULL DEFAULT 'planning'::text,
    epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamp with time zone,
    commit_marker uuid,
    not_before timestamp with time zone NOT NULL DEFAULT now(),
    owed_at timestamp with time zone,
    attempt integer NOT NULL DEFAULT 0,
    force boolean NOT NULL DEFAULT false,
    scan_from text,
    definition_hash text,
    staging_table text,
    slices_total integer NOT NULL DEFAULT 0,
    slices_open integer NOT NULL DEFAULT 0,
    slices_skipped integer NOT NULL DEFAULT 0,
    rows_read bigint NOT NULL DEFAULT 0,
    rows_staged bigint NOT NULL DEFAULT 0,
    rows_inserted bigint NOT NULL DEFAULT 0,
    rows_updated bigint NOT NULL DEFAULT 0,
    rows_deleted bigint NOT NULL DEFAULT 0,
    rows_unchanged bigint NOT NULL DEFAULT 0,
    rows_quarantined bigint NOT NULL DEFAULT 0,
    rows_superseded bigint NOT NULL DEFAULT 0,
    rows_merged bigint NOT NULL DEFAULT 0,
    bytes_billed bigint NOT NULL DEFAULT 0,
    bigquery_job_id text,
    reason text,
    error text,
    details jsonb NOT NULL DEFAULT '{}'::jsonb,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT refresh_task_pkey PRIMARY KEY (run_id, table_schema, table_name),
    CONSTRAINT refresh_task_run_id_fkey FOREIGN KEY (run_id) REFERENCES refresh.refresh_run(run_id),
    CONSTRAINT refresh_task_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name),
    CONSTRAINT refresh_task_check CHECK (((slices_open >= 0) AND (slices_open <= slices_total))),
    CONSTRAINT refresh_task_check1 CHECK (((lease_until IS NULL) OR (status = 'running'::text))),
    CONSTRAINT refresh_task_check2 CHECK (((status = ANY (ARRAY['queued'::text, 'running'::text])) = (finished_at IS NULL))),
    CONSTRAINT refresh_task_check3 CHECK (((status <> ALL (ARRAY['held'::text, 'failed'::text, 'skipped'::text])) OR (reason IS NOT NULL))),
    CONSTRAINT refresh_task_phase_check CHECK ((phase = ANY (ARRAY['planning'::text, 'loading'::text, 'staged'::text, 'publishing'::text]))),
    CONSTRAINT refresh_task_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'success'::text, 'no_new_data'::text, 'warning'::text, 'held'::text, 'failed'::text, 'skipped'::text]))),
    CONSTRAINT rows_are_conserved CHECK (((status <> ALL (ARRAY['success'::text, 'warning'::text])) OR ((rows_read = (((rows_staged + rows_quarantined) + rows_superseded) + rows_merged)) AND (rows_staged = ((rows_inserted + rows_updated) + rows_unchanged)))))
);

CREATE TABLE refresh.refresh_task_scope (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    scope text,
    action text NOT NULL,
    fingerprint text,
    published_fingerprint text,
    rows bigint NOT NULL DEFAULT 0,
    rows_read bigint NOT NULL DEFAULT 0,
    slice_no integer,
    figures jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT refresh_task_scope_run_id_table_schema_table_name_scope_key UNIQUE NULLS NOT DISTINCT (run_id, table_schema, table_name, scope),
    CONSTRAINT refresh_task_scope_run_id_table_schema_table_name_fkey FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task(run_id, table_schema, table_name) ON DELETE CASCADE,
    CONSTRAINT refresh_task_scope_action_check CHECK ((action = ANY (ARRAY['changed'::text, 'unchanged'::text, 'vanished'::text, 'held'::text, 'superseded'::text])))
);

CREATE TABLE refresh.webhook_delivery (
    delivery_id uuid NOT NULL DEFAULT gen_random_uuid(),
    endpoint_id uuid NOT NULL,
    event_id uuid NOT NULL,
    payload jsonb NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    response_status integer,
    error text,
    state text NOT NULL DEFAULT 'pending'::text,
    next_attempt_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamp with time zone,
    response_excerpt text,
    duration_ms bigint,
    last_attempt_at timestamp with time zone,
    CONSTRAINT webhook_delivery_endpoint_id_event_id_key UNIQUE (endpoint_id, event_id),
    CONSTRAINT webhook_delivery_pkey PRIMARY KEY (delivery_id),
    CONSTRAINT webhook_delivery_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES refresh.webhook_endpoint(endpoint_id) ON DELETE CASCADE,
    CONSTRAINT only_pending_is_due CHECK (((state = 'pending'::text) OR ((next_attempt_at IS NULL) AND (lease_until IS NULL)))),
    CONSTRAINT webhook_delivery_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
);

CREATE TABLE refresh.webhook_endpoint (
    endpoint_id uuid NOT NULL DEFAULT gen_random_uuid(),
    url text NOT NULL,
    kind text NOT NULL DEFAULT 'standard'::text,
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_secret_until timestamp with time zone,
    events text[] NOT NULL DEFAULT '{}'::text[],
    state text NOT NULL DEFAULT 'enabled'::text,
    disabled_reason text,
    failing_since timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    sealed_url bytea,
    description text NOT NULL DEFAULT ''::text,
    tables text[] NOT NULL DEFAULT '{}'::text[],
    paused_until timestamp with time zone,
    version bigint NOT NULL DEFAULT 1,
    updated_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT webhook_endpoint_pkey PRIMARY KEY (endpoint_id),
    CONSTRAINT disabled_has_a_reason CHECK (((state = 'disabled'::text) = (disabled_reason IS NOT NULL))),
    CONSTRAINT events_are_named CHECK ((array_position(events, NULL::text) IS NULL)),
    CONSTRAINT overlap_has_an_end CHECK (((previous_secret IS NULL) = (previous_secret_until IS NULL))),
    CONSTRAINT webhook_endpoint_kind_check CHECK ((kind = ANY (ARRAY['standard'::text, 'slack'::text]))),
    CONSTRAINT webhook_endpoint_state_check CHECK ((state = ANY (ARRAY['enabled'::text, 'disabled'::text]))),
    CONSTRAINT webhook_endpoint_tables_check CHECK ((array_position(tables, NULL::text) IS NULL))
);

CREATE TABLE sqp.asin_brand_map (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    asin character varying(10) NOT NULL,
    origin text NOT NULL,
    brand_id bigint NOT NULL,
    CONSTRAINT asin_brand_map_pkey PRIMARY KEY (client_id, marketplace_id, asin, origin),
    CONSTRAINT asin_brand_map_client_id_brand_id_fkey FOREIGN KEY (client_id, brand_id) REFERENCES sqp.brands(client_id, brand_id),
    CONSTRAINT asin_brand_map_origin_check CHECK ((origin = ANY (ARRAY['manual'::text, 'automatic'::text])))
);

CREATE TABLE sqp.asin_performance_data (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    report_period text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    asin character varying(10) NOT NULL,
    parent_asin character varying(10),
    title text,
    n_queries bigint NOT NULL,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    loaded_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT asin_performance_data_pkey PRIMARY KEY (client_id, marketplace_id, report_period, period_start, asin),
    CONSTRAINT asin_performance_data_asin_cart_add_count_check CHECK ((asin_cart_add_count >= 0)),
    CONSTRAINT asin_performance_data_asin_click_count_check CHECK ((asin_click_count >= 0)),
    CONSTRAINT asin_performance_data_asin_impression_count_check CHECK ((asin_impression_count >= 0)),
    CONSTRAINT asin_performance_data_asin_purchase_count_check CHECK ((asin_purchase_count >= 0)),
    CONSTRAINT asin_performance_data_n_queries_check CHECK ((n_queries >= 0)),
    CONSTRAINT period_is_whole CHECK (
CASE report_period
    WHEN 'WEEK'::text THEN ((EXTRACT(dow FROM period_start) = (0)::numeric) AND (period_end = (period_start + 6)))
    WHEN 'MONTH'::text THEN ((EXTRACT(day FROM period_start) = (1)::numeric) AND (period_end = (((period_start + '1 mon'::interval) - '1 day'::interval))::date))
    WHEN 'QUARTER'::text THEN ((EXTRACT(day FROM period_start) = (1)::numeric) AND (EXTRACT(month FROM period_start) = ANY (ARRAY[(1)::numeric, (4)::numeric, (7)::numeric, (10)::numeric])) AND (period_end = (((period_start + '3 mons'::interval) - '1 day'::interval))::date))
    ELSE false
END)
);

CREATE TABLE sqp.brand_terms (
    client_id text NOT NULL,
    brand_id bigint NOT NULL,
    term text NOT NULL,
    CONSTRAINT brand_terms_pkey PRIMARY KEY (client_id, brand_id, term),
    CONSTRAINT brand_terms_client_id_brand_id_fkey FOREIGN KEY (client_id, brand_id) REFERENCES sqp.brands(client_id, brand_id),
    CONSTRAINT brand_terms_term_check CHECK ((term <> ''::text))
);

CREATE TABLE sqp.brands (
    brand_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    client_id text NOT NULL,
    brand text NOT NULL,
    CONSTRAINT brands_client_id_brand_id_key UNIQUE (client_id, brand_id),
    CONSTRAINT brands_client_id_brand_key UNIQUE (client_id, brand),
    CONSTRAINT brands_pkey PRIMARY KEY (brand_id),
    CONSTRAINT brands_brand_check CHECK ((brand <> ALL (ARRAY[''::text, 'unmapped'::text])))
);

CREATE TABLE sqp.query_class (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    search_query_key text NOT NULL,
    class text NOT NULL,
    CONSTRAINT query_class_pkey PRIMARY KEY (client_id, marketplace_id, search_query_key),
    CONSTRAINT query_class_class_check CHECK ((class = ANY (ARRAY['branded'::text, 'generic'::text, 'competitor'::text])))
);

CREATE TABLE sqp.report_coverage (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    report_period text NOT NULL,
    period_start date NOT NULL,
    asin character varying(10) NOT NULL,
    coverage text NOT NULL,
    CONSTRAINT report_coverage_pkey PRIMARY KEY (client_id, marketplace_id, report_period, period_start, asin),
    CONSTRAINT report_coverage_coverage_check CHECK ((coverage = ANY (ARRAY['measured'::text, 'empty_report'::text, 'not_covered'::text])))
);

CREATE TABLE sqp.search_query_market (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    report_period text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    search_query_key text NOT NULL,
    search_query text NOT NULL,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_click_rate numeric,
    total_median_click_price_amount numeric(12,2),
    total_median_click_price_currency_code character(3),
    total_same_day_shipping_click_count bigint,
    total_one_day_shipping_click_count bigint,
    total_two_day_shipping_click_count bigint,
    total_cart_add_count bigint,
    total_cart_add_rate numeric,
    total_median_cart_add_price_amount numeric(12,2),
    total_median_cart_add_price_currency_code character(3),
    total_same_day_shipping_cart_add_count bigint,
    total_one_day_shipping_cart_add_count bigint,
    total_two_day_shipping_cart_add_count bigint,
    total_purchase_count bigint,
    total_purchase_rate numeric,
    total_median_purchase_price_amount numeric(12,2),
    total_median_purchase_price_currency_code character(3),
    total_same_day_shipping_purchase_count bigint,
    total_one_day_shipping_purchase_count bigint,
    total_two_day_shipping_purchase_count bigint,
    n_own_asins bigint NOT NULL,
    totals_disagree boolean NOT NULL,
    CONSTRAINT search_query_market_pkey PRIMARY KEY (client_id, marketplace_id, report_period, period_start, search_query_key),
    CONSTRAINT period_is_whole CHECK (
CASE report_period
    WHEN 'WEEK'::text THEN ((EXTRACT(dow FROM period_start) = (0)::numeric) AND (period_end = (period_start + 6)))
    WHEN 'MONTH'::text THEN ((EXTRACT(day FROM period_start) = (1)::numeric) AND (period_end = (((period_start + '1 mon'::interval) - '1 day'::interval))::date))
    WHEN 'QUARTER'::text THEN ((EXTRACT(day FROM period_start) = (1)::numeric) AND (EXTRACT(month FROM period_start) = ANY (ARRAY[(1)::numeric, (4)::numeric, (7)::numeric, (10)::numeric])) AND (period_end = (((period_start + '3 mons'::interval) - '1 day'::interval))::date))
    ELSE false
END),
    CONSTRAINT search_query_market_n_own_asins_check CHECK ((n_own_asins >= 0)),
    CONSTRAINT search_query_market_search_query_volume_check CHECK ((search_query_volume >= 0)),
    CONSTRAINT search_query_market_total_cart_add_count_check CHECK ((total_cart_add_count >= 0)),
    CONSTRAINT search_query_market_total_click_count_check CHECK ((total_click_count >= 0)),
    CONSTRAINT search_query_market_total_one_day_shipping_cart_add_count_check CHECK ((total_one_day_shipping_cart_add_count >= 0)),
    CONSTRAINT search_query_market_total_one_day_shipping_click_count_check CHECK ((total_one_day_shipping_click_count >= 0)),
    CONSTRAINT search_query_market_total_one_day_shipping_purchase_count_check CHECK ((total_one_day_shipping_purchase_count >= 0)),
    CONSTRAINT search_query_market_total_purchase_count_check CHECK ((total_purchase_count >= 0)),
    CONSTRAINT search_query_market_total_query_impression_count_check CHECK ((total_query_impression_count >= 0)),
    CONSTRAINT search_query_market_total_same_day_shipping_cart_add_coun_check CHECK ((total_same_day_shipping_cart_add_count >= 0)),
    CONSTRAINT search_query_market_total_same_day_shipping_click_count_check CHECK ((total_same_day_shipping_click_count >= 0)),
    CONSTRAINT search_query_market_total_same_day_shipping_purchase_coun_check CHECK ((total_same_day_shipping_purchase_count >= 0)),
    CONSTRAINT search_query_market_total_two_day_shipping_cart_add_count_check CHECK ((total_two_day_shipping_cart_add_count >= 0)),
    CONSTRAINT search_query_market_total_two_day_shipping_click_count_check CHECK ((total_two_day_shipping_click_count >= 0)),
    CONSTRAINT search_query_market_total_two_day_shipping_purchase_count_check CHECK ((total_two_day_shipping_purchase_count >= 0))
);

CREATE TABLE sqp.search_query_performance (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    report_period text NOT NULL,
    period_start date NOT NULL,
    period_end date NOT NULL,
    asin character varying(10) NOT NULL,
    parent_asin character varying(10),
    search_query_key text NOT NULL,
    search_query text NOT NULL,
    search_query_score bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    asin_impression_count bigint,
    asin_impression_share numeric(9,8),
    total_click_count bigint,
    total_click_rate numeric,
    total_median_click_price_amount numeric(12,2),
    total_median_click_price_currency_code character(3),
    total_same_day_shipping_click_count bigint,
    total_one_day_shipping_click_count bigint,
    total_two_day_shipping_click_count bigint,
    asin_click_count bigint,
    asin_click_share numeric(9,8),
    asin_median_click_price_amount numeric(12,2),
    asin_median_click_price_currency_code character(3),
    total_cart_add_count bigint,
    total_cart_add_rate numeric,
    total_median_cart_add_price_amount numeric(12,2),
    total_median_cart_add_price_currency_code character(3),
    total_same_day_shipping_cart_add_count bigint,
    total_one_day_shipping_cart_add_count bigint,
    total_two_day_shipping_cart_add_count bigint,
    asin_cart_add_count bigint,
    asin_cart_add_share numeric(9,8),
    asin_median_cart_add_price_amount numeric(12,2),
    asin_median_cart_add_price_currency_code character(3),
    total_purchase_count bigint,
    total_purchase_rate numeric,
    total_median_purchase_price_amount numeric(12,2),
    total_median_purchase_price_currency_code character(3),
    total_same_day_shipping_purchase_count bigint,
    total_one_day_shipping_purchase_count bigint,
    total_two_day_shipping_purchase_count bigint,
    asin_purchase_count bigint,
    asin_purchase_share numeric(9,8),
    asin_median_purchase_price_amount numeric(12,2),
    asin_median_purchase_price_currency_code character(3),
    CONSTRAINT search_query_performance_pkey PRIMARY KEY (client_id, marketplace_id, report_period, period_start, asin, search_query_key),
    CONSTRAINT period_is_whole CHECK (
CASE report_period
    WHEN 'WEEK'::text THEN ((EXTRACT(dow FROM period_start) = (0)::numeric) AND (period_end = (period_start + 6)))
    WHEN 'MONTH'::text THEN ((EXTRACT(day FROM period_start) = (1)::numeric) AND (period_end = (((period_start + '1 mon'::interval) - '1 day'::interval))::date))
    WHEN 'QUARTER'::text THEN ((EXTRACT(day FROM period_start) = (1)::numeric) AND (EXTRACT(month FROM period_start) = ANY (ARRAY[(1)::numeric, (4)::numeric, (7)::numeric, (10)::numeric])) AND (period_end = (((period_start + '3 mons'::interval) - '1 day'::interval))::date))
    ELSE false
END),
    CONSTRAINT search_query_performance_asin_cart_add_count_check CHECK ((asin_cart_add_count >= 0)),
    CONSTRAINT search_query_performance_asin_click_count_check CHECK ((asin_click_count >= 0)),
    CONSTRAINT search_query_performance_asin_impression_count_check CHECK ((asin_impression_count >= 0)),
    CONSTRAINT search_query_performance_asin_purchase_count_check CHECK ((asin_purchase_count >= 0)),
    CONSTRAINT search_query_performance_search_query_score_check CHECK ((search_query_score >= 0)),
    CONSTRAINT search_query_performance_search_query_volume_check CHECK ((search_query_volume >= 0)),
    CONSTRAINT search_query_performance_total_cart_add_count_check CHECK ((total_cart_add_count >= 0)),
    CONSTRAINT search_query_performance_total_click_count_check CHECK ((total_click_count >= 0)),
    CONSTRAINT search_query_performance_total_one_day_shipping_cart_add__check CHECK ((total_one_day_shipping_cart_add_count >= 0)),
    CONSTRAINT search_query_performance_total_one_day_shipping_click_cou_check CHECK ((total_one_day_shipping_click_count >= 0)),
    CONSTRAINT search_query_performance_total_one_day_shipping_purchase__check CHECK ((total_one_day_shipping_purchase_count >= 0)),
    CONSTRAINT search_query_performance_total_purchase_count_check CHECK ((total_purchase_count >= 0)),
    CONSTRAINT search_query_performance_total_query_impression_count_check CHECK ((total_query_impression_count >= 0)),
    CONSTRAINT search_query_performance_total_same_day_shipping_cart_add_check CHECK ((total_same_day_shipping_cart_add_count >= 0)),
    CONSTRAINT search_query_performance_total_same_day_shipping_click_co_check CHECK ((total_same_day_shipping_click_count >= 0)),
    CONSTRAINT search_query_performance_total_same_day_shipping_purchase_check CHECK ((total_same_day_shipping_purchase_count >= 0)),
    CONSTRAINT search_query_performance_total_two_day_shipping_cart_add__check CHECK ((total_two_day_shipping_cart_add_count >= 0)),
    CONSTRAINT search_query_performance_total_two_day_shipping_click_cou_check CHECK ((total_two_day_shipping_click_count >= 0)),
    CONSTRAINT search_query_performance_total_two_day_shipping_purchase__check CHECK ((total_two_day_shipping_purchase_count >= 0))
);

CREATE TABLE refresh.refresh_audit_log_rest PARTITION OF refresh.refresh_audit_log DEFAULT;

CREATE VIEW sqp.quality_warnings (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    n_own_exceeds_total bigint,
    n_share_differs bigint
) AS
     SELECT client_id, marketplace_id, report_period, period_start, count* FILTER WHERE asin_impression_count > total_query_impression_count OR asin_click_count > total_click_count OR asin_cart_add_count > total_cart_add_count OR asin_purchase_count > total_purchase_count AS n_own_exceeds_total, count* FILTER WHERE absasin_impression_share - asin_impression_count::numeric / NULLIFtotal_query_impression_count, 0::numeric > 0.0002 OR absasin_click_share - asin_click_count::numeric / NULLIFtotal_click_count, 0::numeric > 0.0002 OR absasin_cart_add_share - asin_cart_add_count::numeric / NULLIFtotal_cart_add_count, 0::numeric > 0.0002 OR absasin_purchase_share - asin_purchase_count::numeric / NULLIFtotal_purchase_count, 0::numeric > 0.0002 AS n_share_differs FROM search_query_performance GROUP BY client_id, marketplace_id, report_period, period_start;

CREATE MATERIALIZED VIEW sqp.search_performance_summary (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    period_end date,
    brand text,
    search_query_key text,
    search_query text,
    n_own_asins bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint,
    impression_share numeric,
    click_share numeric,
    cart_add_share numeric,
    purchase_share numeric,
    click_through_rate numeric,
    cart_add_rate numeric,
    purchase_rate numeric,
    cart_to_purchase_rate numeric,
    market_click_through_rate numeric,
    market_cart_add_rate numeric,
    market_purchase_rate numeric,
    market_cart_to_purchase_rate numeric
) AS
     WITH brand_of_asin AS SELECT DISTINCT ON client_id, marketplace_id, asin client_id, marketplace_id, asin, brand FROM asin_brand_map map JOIN brands brands USING client_id, brand_id ORDER BY client_id, marketplace_id, asin, origin = 'manual'::text DESC , own AS SELECT client_id, marketplace_id, report_period, period_start, COALESCEbrand, 'unmapped'::text AS brand, search_query_key, maxperiod_end AS period_end, count* AS n_own_asins, sumasin_impression_count::bigint AS asin_impression_count, sumasin_click_count::bigint AS asin_click_count, sumasin_cart_add_count::bigint AS asin_cart_add_count, sumasin_purchase_count::bigint AS asin_purchase_count FROM search_query_performance performance LEFT JOIN brand_of_asin USING client_id, marketplace_id, asin GROUP BY client_id, marketplace_id, report_period, period_start, COALESCEbrand, 'unmapped'::text, search_query_key SELECT client_id, marketplace_id, report_period, period_start, period_end, brand, search_query_key, search_query, n_own_asins, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, asin_impression_count::numeric / NULLIFtotal_query_impression_count, 0::numeric AS impression_share, asin_click_count::numeric / NULLIFtotal_click_count, 0::numeric AS click_share, asin_cart_add_count::numeric / NULLIFtotal_cart_add_count, 0::numeric AS cart_add_share, asin_purchase_count::numeric / NULLIFtotal_purchase_count, 0::numeric AS purchase_share, asin_click_count::numeric / NULLIFasin_impression_count, 0::numeric AS click_through_rate, asin_cart_add_count::numeric / NULLIFasin_click_count, 0::numeric AS cart_add_rate, asin_purchase_count::numeric / NULLIFasin_click_count, 0::numeric AS purchase_rate, asin_purchase_count::numeric / NULLIFasin_cart_add_count, 0::numeric AS cart_to_purchase_rate, total_click_count::numeric / NULLIFtotal_query_impression_count, 0::numeric AS market_click_through_rate, total_cart_add_count::numeric / NULLIFtotal_click_count, 0::numeric AS market_cart_add_rate, total_purchase_count::numeric / NULLIFtotal_click_count, 0::numeric AS market_purchase_rate, total_purchase_count::numeric / NULLIFtotal_cart_add_count, 0::numeric AS market_cart_to_purchase_rate FROM own LEFT JOIN search_query_market market USING client_id, marketplace_id, report_period, period_start, search_query_key;

CREATE MATERIALIZED VIEW sqp.weekly_summary (
    client_id text,
    marketplace_id text,
    period_start date,
    period_end date,
    n_queries bigint,
    n_own_asins bigint,
    n_totals_disagree bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    search_query_volume bigint,
    total_query_impression_count bigint,
    total_click_count bigint,
    total_cart_add_count bigint,
    total_purchase_count bigint,
    impression_share numeric,
    click_share numeric,
    cart_add_share numeric,
    purchase_share numeric,
    click_through_rate numeric,
    cart_add_rate numeric,
    purchase_rate numeric,
    cart_to_purchase_rate numeric,
    market_click_through_rate numeric,
    market_cart_add_rate numeric,
    market_purchase_rate numeric,
    market_cart_to_purchase_rate numeric
) AS
     WITH own AS SELECT client_id, marketplace_id, period_start, countDISTINCT asin AS n_own_asins, sumasin_impression_count::bigint AS asin_impression_count, sumasin_click_count::bigint AS asin_click_count, sumasin_cart_add_count::bigint AS asin_cart_add_count, sumasin_purchase_count::bigint AS asin_purchase_count FROM search_query_performance performance WHERE report_period = 'WEEK'::text GROUP BY client_id, marketplace_id, period_start , market AS SELECT client_id, marketplace_id, period_start, count* AS n_queries, count* FILTER WHERE totals_disagree AS n_totals_disagree, sumsearch_query_volume::bigint AS search_query_volume, sumtotal_query_impression_count::bigint AS total_query_impression_count, sumtotal_click_count::bigint AS total_click_count, sumtotal_cart_add_count::bigint AS total_cart_add_count, sumtotal_purchase_count::bigint AS total_purchase_count FROM search_query_market WHERE report_period = 'WEEK'::text GROUP BY client_id, marketplace_id, period_start SELECT client_id, marketplace_id, period_start, period_start + 6 AS period_end, n_queries, n_own_asins, n_totals_disagree, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, asin_impression_count::numeric / NULLIFtotal_query_impression_count, 0::numeric AS impression_share, asin_click_count::numeric / NULLIFtotal_click_count, 0::numeric AS click_share, asin_cart_add_count::numeric / NULLIFtotal_cart_add_count, 0::numeric AS cart_add_share, asin_purchase_count::numeric / NULLIFtotal_purchase_count, 0::numeric AS purchase_share, asin_click_count::numeric / NULLIFasin_impression_count, 0::numeric AS click_through_rate, asin_cart_add_count::numeric / NULLIFasin_click_count, 0::numeric AS cart_add_rate, asin_purchase_count::numeric / NULLIFasin_click_count, 0::numeric AS purchase_rate, asin_purchase_count::numeric / NULLIFasin_cart_add_count, 0::numeric AS cart_to_purchase_rate, total_click_count::numeric / NULLIFtotal_query_impression_count, 0::numeric AS market_click_through_rate, total_cart_add_count::numeric / NULLIFtotal_click_count, 0::numeric AS market_cart_add_rate, total_purchase_count::numeric / NULLIFtotal_click_count, 0::numeric AS market_purchase_rate, total_purchase_count::numeric / NULLIFtotal_cart_add_count, 0::numeric AS market_cart_to_purchase_rate FROM market FULL JOIN own USING client_id, marketplace_id, period_start;

CREATE INDEX refresh_audit_log_at ON ONLY refresh.refresh_audit_log USING btree (at DESC, audit_id DESC);
CREATE INDEX refresh_audit_log_by ON ONLY refresh.refresh_audit_log USING btree (((details ->> 'by'::text)), at DESC, audit_id DESC) WHERE (details ? 'by'::text);
CREATE INDEX refresh_audit_log_event ON ONLY refresh.refresh_audit_log USING btree (event, at DESC, audit_id DESC);
CREATE INDEX refresh_audit_log_run ON ONLY refresh.refresh_audit_log USING btree (run_id);
CREATE INDEX refresh_audit_log_table ON ONLY refresh.refresh_audit_log USING btree (table_schema, table_name, at DESC);
CREATE INDEX refresh_data_quality_checked ON refresh.refresh_data_quality USING btree (checked_at);
CREATE INDEX refresh_data_quality_run ON refresh.refresh_data_quality USING btree (run_id);
CREATE INDEX refresh_data_quality_table ON refresh.refresh_data_quality USING btree (table_schema, table_name, checked_at DESC);
CREATE INDEX refresh_dead_letter_received ON refresh.refresh_dead_letter USING btree (received_at);
CREATE INDEX refresh_dependency_input ON refresh.refresh_dependency USING btree (depends_on_schema, depends_on_name);
CREATE INDEX refresh_outbox_owed ON refresh.refresh_outbox USING btree (outbox_id) WHERE (published_at IS NULL);
CREATE INDEX refresh_outbox_published ON refresh.refresh_outbox USING btree (published_at) WHERE (published_at IS NOT NULL);
CREATE INDEX refresh_quarantine_quarantined ON refresh.refresh_quarantine USING btree (quarantined_at);
CREATE INDEX refresh_quarantine_task ON refresh.refresh_quarantine USING btree (run_id, table_schema, table_name, slice_no);
CREATE INDEX refresh_run_created ON refresh.refresh_run USING btree (created_at DESC);
CREATE INDEX refresh_run_open ON refresh.refresh_run USING btree (created_at) WHERE (status = 'running'::text);
CREATE INDEX refresh_run_replay ON refresh.refresh_run USING btree (replay_of) WHERE (replay_of IS NOT NULL);
CREATE INDEX refresh_task_ended ON refresh.refresh_task USING btree (finished_at DESC, run_id, table_schema, table_name) WHERE (finished_at IS NOT NULL);
CREATE INDEX refresh_task_ended_as ON refresh.refresh_task USING btree (status, finished_at DESC, run_id, table_schema, table_name) WHERE (finished_at IS NOT NULL);
CREATE INDEX refresh_task_good ON refresh.refresh_task USING btree (table_schema, table_name, finished_at DESC) WHERE (status = ANY (ARRAY['success'::text, 'no_new_data'::text, 'warning'::text]));
CREATE INDEX refresh_task_history ON refresh.refresh_task USING btree (table_schema, table_name, finished_at DESC);
CREATE INDEX refresh_task_open ON refresh.refresh_task USING btree (run_id) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));
CREATE INDEX webhook_delivery_ended ON refresh.webhook_delivery USING btree (created_at) WHERE (state <> 'pending'::text);
CREATE INDEX webhook_delivery_listed ON refresh.webhook_delivery USING btree (endpoint_id, created_at DESC, delivery_id DESC);
CREATE INDEX webhook_delivery_pending ON refresh.webhook_delivery USING btree (endpoint_id, next_attempt_at) WHERE (state = 'pending'::text);
CREATE UNIQUE INDEX search_performance_summary_key ON sqp.search_performance_summary USING btree (client_id, marketplace_id, report_period, period_start, brand, search_query_key);
CREATE INDEX search_query_market_period ON sqp.search_query_market USING brin (period_start);
CREATE INDEX search_query_performance_period ON sqp.search_query_performance USING brin (period_start);
CREATE UNIQUE INDEX weekly_summary_key ON sqp.weekly_summary USING btree (client_id, marketplace_id, period_start);

CREATE FUNCTION refresh.actor()
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT CASE WHEN current_setting('refresh.actor', true) <> ''
    THEN jsonb_build_object('by', current_setting('refresh.actor', true), 'database_user', session_user)
    ELSE jsonb_build_object('by', session_user) END
$$;

CREATE FUNCTION refresh.add_audit_month(month date)
    RETURNS boolean
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
    AS $$
DECLARE
    name text := 'refresh_audit_log_' || to_char(month, 'YYYY_MM');
BEGIN
    IF to_regclass('refresh.' || name) IS NOT NULL OR EXISTS (
        SELECT FROM refresh.refresh_audit_log_rest WHERE at >= month AND at < month + interval '1 month'
    ) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE refresh.%I (LIKE refresh.refresh_audit_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE refresh.refresh_audit_log ATTACH PARTITION refresh.%I FOR VALUES FROM (%L) TO (%L)',
        name, month::timestamptz, (month + interval '1 month')::timestamptz);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change()', name);
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.add_audit_month FROM PUBLIC;

CREATE FUNCTION refresh.announce_task_end()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog
    AS $$
DECLARE
    before text;
    kind text;
BEGIN
    SELECT t.status INTO before FROM refresh.refresh_task t
    WHERE t.table_schema = NEW.table_schema AND t.table_name = NEW.table_name AND t.run_id <> NEW.run_id
        AND t.status IN ('success', 'no_new_data', 'warning', 'held', 'failed')
    ORDER BY t.finished_at DESC LIMIT 1;
    kind := CASE NEW.status
        WHEN 'failed' THEN 'refresh.failed'
        WHEN 'held' THEN 'refresh.held'
        WHEN 'warning' THEN 'refresh.warning'
        WHEN 'skipped' THEN 'refresh.warning'
        ELSE CASE WHEN before IN ('failed', 'held') THEN 'refresh.recovered' ELSE 'refresh.completed' END
    END;
    INSERT INTO refresh.refresh_outbox (topic, payload) VALUES
        ('refresh-events', jsonb_build_object(
            'id', gen_random_uuid(), 'type', kind,
            'occurred_at', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'run_id', NEW.run_id, 'table', NEW.table_schema || '.' || NEW.table_name,
            'data', jsonb_build_object('outcome', NEW.status, 'reason', NEW.reason, 'error', NEW.error,
                'rows_read', NEW.rows_read, 'rows_inserted', NEW.rows_inserted, 'rows_updated', NEW.rows_updated,
                'rows_deleted', NEW.rows_deleted, 'rows_quarantined', NEW.rows_quarantined,
                'duration_ms', (extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000)::bigint))),
        ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'table_finished', 'run_id', NEW.run_id,
            'table', NEW.table_schema || '.' || NEW.table_name));
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.audit_configuration()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    entry refresh.refresh_table_registry := coalesce(NEW, OLD);
    trail jsonb := refresh.actor() || jsonb_build_object('config_version', entry.config_version);
BEGIN
    IF TG_OP <> 'UPDATE' THEN
        trail := trail || jsonb_build_object('configuration', refresh.configuration(entry));
    ELSIF refresh.configuration(NEW) = refresh.configuration(OLD) THEN
        RETURN NULL;
    ELSE
        trail := trail || jsonb_build_object('changed', (
            SELECT jsonb_object_agg(now.key, jsonb_build_object('old', before.value, 'new', now.value))
            FROM jsonb_each(refresh.configuration(NEW)) AS now
            JOIN jsonb_each(refresh.configuration(OLD)) AS before USING (key)
            WHERE now.value IS DISTINCT FROM before.value));
    END IF;
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES (entry.table_schema, entry.table_name, CASE TG_OP
        WHEN 'INSERT' THEN 'table_registered' WHEN 'DELETE' THEN 'table_unregistered' ELSE 'config_changed' END, trail);
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.audit_dependency()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    entry refresh.refresh_dependency := coalesce(NEW, OLD);
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NULL;
    END IF;
    UPDATE refresh.refresh_table_registry r SET config_version = r.config_version + 1
    WHERE (r.table_schema, r.table_name) = (entry.table_schema, entry.table_name);
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES (entry.table_schema, entry.table_name, 'config_changed', refresh.actor() || jsonb_build_object('changed',
        jsonb_build_object('depends_on', jsonb_build_object(
            'old', OLD.depends_on_schema || '.' || OLD.depends_on_name || ' ' || OLD.kind,
            'new', NEW.depends_on_schema || '.' || NEW.depends_on_name || ' ' || NEW.kind))));
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.audit_run_move()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog
    AS $$
BEGIN
    INSERT INTO refresh.refresh_audit_log (run_id, event, status, duration_ms, details)
    SELECT NEW.run_id, what, NEW.status,
        (extract(epoch FROM NEW.finished_at - NEW.created_at) * 1000)::bigint,
        jsonb_strip_nulls(jsonb_build_object('trigger', NEW.trigger, 'requested_by', NEW.requested_by, 'snapshot_at', NEW.snapshot_at))
    FROM (SELECT CASE
        WHEN TG_OP = 'INSERT' THEN 'run_created'
        WHEN NEW.status <> OLD.status THEN 'run_' || NEW.status
        WHEN OLD.planned_at IS NULL AND NEW.planned_at IS NOT NULL THEN 'run_planned'
    END AS what) moved
    WHERE what IS NOT NULL;
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.audit_slice_move()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog
    AS $$
DECLARE
    what text;
BEGIN
    what := CASE
        WHEN NEW.status <> OLD.status THEN 'slice_' || NEW.status
        WHEN NEW.epoch <> OLD.epoch THEN 'slice_claimed'
        WHEN NEW.generation <> OLD.generation THEN 'slice_regenerated'
    END;
    IF what IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, slice_no, event, status, duration_ms, rows_read,
        rows_staged, rows_quarantined, rows_superseded, rows_merged, bytes_billed, bigquery_job_id, details)
    VALUES (NEW.run_id, NEW.table_schema, NEW.table_name, NEW.slice_no, what, NEW.status,
        (extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000)::bigint, NEW.rows_read,
        NEW.rows_staged, NEW.rows_quarantined, NEW.rows_superseded, NEW.rows_merged, NEW.bytes_billed, NEW.job_id,
        jsonb_build_object('epoch', NEW.epoch, 'generation', NEW.generation));
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.audit_task_move()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog
    AS $$
DECLARE
    what text;
BEGIN
    what := CASE
        WHEN TG_OP = 'INSERT' THEN 'task_queued'
        WHEN NEW.status <> OLD.status AND NEW.status <> 'running' THEN 'task_' || NEW.status
        WHEN NEW.phase <> OLD.phase THEN 'task_' || NEW.phase
        WHEN NEW.epoch <> OLD.epoch THEN 'task_claimed'
        WHEN NEW.status <> OLD.status THEN 'task_running'
    END;
    IF what IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, status, duration_ms, rows_read,
        rows_staged, rows_inserted, rows_updated, rows_deleted, rows_unchanged, rows_quarantined, rows_superseded,
        rows_merged, bytes_billed, bigquery_job_id, error, details)
    VALUES (NEW.run_id, NEW.table_schema, NEW.table_name, what, NEW.status,
        (extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000)::bigint, NEW.rows_read,
        NEW.rows_staged, NEW.rows_inserted, NEW.rows_updated, NEW.rows_deleted, NEW.rows_unchanged, NEW.rows_quarantined,
        NEW.rows_superseded, NEW.rows_merged, NEW.bytes_billed, NEW.bigquery_job_id, NEW.error,
        NEW.details || jsonb_strip_nulls(jsonb_build_object('phase', NEW.phase, 'epoch', NEW.epoch, 'reason', NEW.reason)));
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.audit_webhook()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    entry refresh.webhook_endpoint := coalesce(NEW, OLD);
    trail jsonb := refresh.actor() || jsonb_build_object('endpoint_id', entry.endpoint_id, 'url', entry.url);
BEGIN
    INSERT INTO refresh.refresh_audit_log (event, error, details)
    SELECT what, CASE what WHEN 'webhook_disabled' THEN NEW.disabled_reason END, trail || CASE what
        WHEN 'webhook_changed' THEN jsonb_build_object('changed', (
            SELECT jsonb_object_agg(now.key, jsonb_build_object('old', before.value, 'new', now.value))
            FROM jsonb_each(refresh.shown_webhook(NEW)) AS now JOIN jsonb_each(refresh.shown_webhook(OLD)) AS before USING (key)
            WHERE now.value IS DISTINCT FROM before.value))
        ELSE '{}' END
    FROM unnest(ARRAY[
        CASE TG_OP WHEN 'INSERT' THEN 'webhook_created' WHEN 'DELETE' THEN 'webhook_deleted' END,
        CASE WHEN TG_OP = 'UPDATE' AND NEW.state <> OLD.state THEN 'webhook_' || NEW.state END,
        CASE WHEN TG_OP = 'UPDATE' AND NEW.secret <> OLD.secret THEN 'webhook_secret_rotated' END,
        CASE WHEN TG_OP = 'UPDATE' AND (NEW.sealed_url IS DISTINCT FROM OLD.sealed_url
            OR refresh.shown_webhook(NEW) <> refresh.shown_webhook(OLD)) THEN 'webhook_changed' END
    ]) AS what
    WHERE what IS NOT NULL;
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.check_column_map(entry refresh.refresh_table_registry, relation regclass)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    wrong record;
BEGIN
    FOR wrong IN
        SELECT given.name, given.target, a.attname IS NULL AS unknown
        FROM jsonb_each_text(entry.column_map) AS given (name, target)
        LEFT JOIN pg_attribute a ON a.attrelid = relation AND a.attname = given.target AND a.attnum > 0 AND NOT a.attisdropped
        WHERE given.target IS NOT NULL AND (a.attname IS NULL OR a.attgenerated <> '' OR a.attidentity = 'a')
    LOOP
        PERFORM refresh.refuse_registration(entry, 'column_map',
            format('sends %s to %s, which the table %s', wrong.name, wrong.target,
                CASE WHEN wrong.unknown THEN 'does not have' ELSE 'generates itself' END),
            format('Choose from its columns: %s; null leaves %s out.', refresh.column_names(relation), wrong.name));
    END LOOP;
    -- Without a mapping a source column feeds the target column of its own name; one that is sent elsewhere no longer does.
    SELECT needed.field, needed.name INTO wrong
    FROM (
        SELECT 'key_columns' AS field, name FROM unnest(entry.key_columns) AS name
        UNION ALL SELECT 'scope_column', entry.scope_column
    ) AS needed
    JOIN jsonb_each_text(entry.column_map) AS given (name, target) ON lower(given.name) = needed.name
    WHERE given.target IS DISTINCT FROM needed.name
        AND NOT EXISTS (SELECT FROM jsonb_each_text(entry.column_map) AS other WHERE other.value = needed.name)
    LIMIT 1;
    IF FOUND THEN
        PERFORM refresh.refuse_registration(entry, wrong.field,
            format('needs %s, which column_map leaves without a source column', wrong.name),
            format('Map a source column to %s, or choose another column.', wrong.name));
    END IF;
END $$;

CREATE FUNCTION refresh.check_columns(entry refresh.refresh_table_registry, relation regclass)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    wrong record;
BEGIN
    FOR wrong IN
        SELECT given.name, given.value, refresh.column_type(relation, given.name) IS NULL AS unknown
        FROM jsonb_each(entry.nul_policies) AS given (name, value)
    LOOP
        IF wrong.unknown THEN
            PERFORM refresh.refuse_registration(entry, 'nul_policies', format('names %s, which the table does not have', wrong.name),
                format('Choose from its columns: %s.', refresh.column_names(relation)));
        ELSIF wrong.value NOT IN ('"strip"', '"reject"', '"quarantine"') THEN
            PERFORM refresh.refuse_registration(entry, 'nul_policies', format('has %s for %s', wrong.value, wrong.name),
                'Use "strip", "reject" or "quarantine".');
        END IF;
    END LOOP;
    IF entry.loaded_at_column IS NOT NULL AND refresh.column_type(relation, entry.loaded_at_column) IS DISTINCT FROM 'timestamptz' THEN
        PERFORM refresh.refuse_registration(entry, 'loaded_at_column',
            format('%s %s', entry.loaded_at_column,
                coalesce('is of type ' || refresh.column_type(relation, entry.loaded_at_column), 'is no column of the table')),
            'Name a column of type timestamptz, or NULL.');
    ELSIF entry.loaded_at_column = entry.scope_column OR entry.loaded_at_column = ANY (entry.key_columns) THEN
        PERFORM refresh.refuse_registration(entry, 'loaded_at_column',
            format('%s is also key or scope, which come from the source', entry.loaded_at_column),
            'Name a column that the source does not feed, or NULL.');
    END IF;
    FOR wrong IN
        SELECT min(given.name) AS one, max(given.name) AS other, given.value #>> '{}' AS target
        FROM jsonb_each(entry.column_map) AS given (name, value)
        WHERE jsonb_typeof(given.value) = 'string'
        GROUP BY given.value HAVING count(*) > 1
    LOOP
        PERFORM refresh.refuse_registration(entry, 'column_map',
            format('sends both %s and %s to %s', wrong.one, wrong.other, wrong.target),
            'Give one of them another target column, or null to leave it out.');
    END LOOP;
    FOR wrong IN
        SELECT given.name, given.value FROM jsonb_each(entry.column_map) AS given (name, value)
        WHERE given.name = '' OR jsonb_typeof(given.value) NOT IN ('string', 'null')
    LOOP
        PERFORM refresh.refuse_registration(entry, 'column_map', format('has %s for source column "%s"', wrong.value, wrong.name),
            'Map each source column to the name of a target column, or to null to leave it out.');
    END LOOP;
    IF entry.handler = 'generic' THEN
        PERFORM refresh.check_column_map(entry, relation);
    END IF;
END $$;

CREATE FUNCTION refresh.check_dependency()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    dependent text := NEW.table_schema || '.' || NEW.table_name;
    input text := NEW.depends_on_schema || '.' || NEW.depends_on_name;
    missing text;
    needed_by jsonb := jsonb_build_object(input, dependent);
    layer text[] := ARRAY[input];
    further jsonb;
    cycle text[] := ARRAY[dependent];
BEGIN
    -- Of two writers the second waits here and then sees what the first has committed, which an older snapshot would hide.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'dependencies cannot be changed at isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'feature_not_supported', HINT = 'Use READ COMMITTED.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('refresh.refresh_dependency', 0));
    SELECT name INTO missing FROM unnest(ARRAY[dependent, input]) AS name
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_table_registry r WHERE r.table_schema || '.' || r.table_name = name);
    IF FOUND THEN
        RAISE EXCEPTION '% cannot depend on %: % is not registered', dependent, input, missing
            USING ERRCODE = 'foreign_key_violation', HINT = 'Register the table first, or correct its name.';
    END IF;
    WHILE cardinality(layer) > 0 AND NOT needed_by ? dependent LOOP
        SELECT coalesce(jsonb_object_agg(edge.input, edge.dependent), '{}') INTO further
        FROM (
            SELECT d.table_schema || '.' || d.table_name AS dependent, d.depends_on_schema || '.' || d.depends_on_name AS input
            FROM refresh.refresh_dependency d
            WHERE TG_OP = 'INSERT' OR d IS DISTINCT FROM OLD
        ) AS edge
        WHERE edge.dependent = ANY (layer) AND NOT needed_by ? edge.input;
        needed_by := needed_by || further;
        layer := ARRAY(SELECT jsonb_object_keys(further));
    END LOOP;
    IF needed_by ? dependent THEN
        LOOP
            cycle := (needed_by ->> cycle[1]) || cycle;
            EXIT WHEN cycle[1] = dependent;
        END LOOP;
        RAISE EXCEPTION 'dependencies would form a cycle: %', array_to_string(cycle, ' -> ')
            USING ERRCODE = 'check_violation', HINT = 'Remove one of these dependencies, or leave this one out.';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION refresh.check_key(entry refresh.refresh_table_registry, relation regclass)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    missing text;
    known text;
    sorted text[];
BEGIN
    IF cardinality(entry.key_columns) = 0 THEN
        IF entry.strategy = 'append' AND entry.handler = 'generic' THEN
            PERFORM refresh.refuse_registration(entry, 'key_columns', 'is empty, and strategy append needs a key',
                'Name the key columns, or set strategy to merge.');
        END IF;
        RETURN;
    END IF;
    SELECT string_agg(name, ', ') INTO missing FROM unnest(entry.key_columns) AS name
    WHERE refresh.column_type(relation, name) IS NULL;
    IF missing IS NOT NULL THEN
        PERFORM refresh.refuse_registration(entry, 'key_columns', format('names %s, which the table does not have', missing),
            format('Choose from its columns: %s.', refresh.column_names(relation)));
    END IF;
    sorted := ARRAY(SELECT name FROM unnest(entry.key_columns) AS name ORDER BY name::name);
    IF cardinality(sorted) <> (SELECT count(DISTINCT name) FROM unnest(sorted) AS name) THEN
        PERFORM refresh.refuse_registration(entry, 'key_columns', 'names a column twice', 'Name each column once.');
    END IF;
    IF NOT EXISTS (SELECT FROM refresh.unique_keys(relation) AS k WHERE k = sorted) THEN
        SELECT string_agg(format('(%s)', array_to_string(k, ', ')), ' or ') INTO known FROM refresh.unique_keys(relation) AS k;
        PERFORM refresh.refuse_registration(entry, 'key_columns',
            format('(%s) have no unique index on exactly these columns', array_to_string(entry.key_columns, ', ')),
            format('CREATE UNIQUE INDEX ON %s (%s)', relation,
                (SELECT string_agg(quote_ident(name), ', ') FROM unnest(entry.key_columns) AS name))
            || ', or set key_columns to ' || coalesce(known, '{} for a table without a key')
            || '. An index that is partial, deferrable, invalid or over expressions does not count.');
    END IF;
END $$;

CREATE FUNCTION refresh.check_registration()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    relation regclass;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF refresh.configuration(NEW) = refresh.configuration(OLD) THEN
            -- Only a change of the dependencies, made by their trigger, raises the version from here.
            IF pg_trigger_depth() < 2 THEN
                NEW.config_version := OLD.config_version;
            END IF;
            RETURN NEW;
        END IF;
        NEW.config_version := OLD.config_version + 1;
        -- What no longer fits can still be switched off.
        IF NEW.mode = 'disabled' AND refresh.configuration(NEW) - 'mode' = refresh.configuration(OLD) - 'mode' THEN
            RETURN NEW;
        END IF;
    END IF;
    PERFORM refresh.check_values(NEW);
    PERFORM refresh.check_source(NEW);
    relation := refresh.check_target(NEW);
    IF NEW.handler IN ('asin', 'search_queries') THEN
        NEW.scope_column := coalesce(NEW.scope_column, 'period_start');
    END IF;
    -- A table with a primary key is never taken for one without a key, in which equal rows may stand twice.
    IF cardinality(NEW.key_columns) = 0 AND NEW.handler <> 'summaries' THEN
        NEW.key_columns := ARRAY(
            SELECT a.attname::text
            FROM pg_index i
            CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, position)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            WHERE i.indrelid = relation AND i.indisprimary
            ORDER BY k.position);
    END IF;
    PERFORM refresh.check_key(NEW, relation);
    PERFORM refresh.check_scope(NEW, relation);
    PERFORM refresh.check_columns(NEW, relation);
    RETURN NEW;
END $$;

CREATE FUNCTION refresh.check_scope(entry refresh.refresh_table_registry, relation regclass)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    type text := refresh.column_type(relation, entry.scope_column);
    dated boolean := type IN ('date', 'timestamp', 'timestamptz');
BEGIN
    IF entry.scope_column IS NULL THEN
        IF entry.scope_bucket IS NOT NULL OR entry.lookback IS NOT NULL THEN
            PERFORM refresh.refuse_registration(entry, CASE WHEN entry.lookback IS NULL THEN 'scope_bucket' ELSE 'lookback' END,
                'needs a scope_column, and there is none', 'Set scope_column, or leave scope_bucket and lookback NULL.');
        END IF;
        RETURN;
    END IF;
    IF type IS NULL THEN
        PERFORM refresh.refuse_registration(entry, 'scope_column',
            format('is %s, which the table does not have', entry.scope_column),
            format('Choose from its columns: %s; NULL refreshes the table as one.', refresh.column_names(relation)));
    ELSIF NOT dated AND type NOT IN ('text', 'varchar', 'bpchar', 'int2', 'int4', 'int8', 'bool') THEN
        PERFORM refresh.refuse_registration(entry, 'scope_column', format('%s is of type %s', entry.scope_column, type),
            'Choose a date, timestamp, text, integer or boolean column.');
    ELSIF type IN ('timestamp', 'timestamptz') AND entry.scope_bucket IS NULL THEN
        PERFORM refresh.refuse_registration(entry, 'scope_bucket',
            format('is missing, and %s is of type %s: nearly every row would be a scope of its own', entry.scope_column, type),
            'Set scope_bucket to day, week or month.');
    ELSIF entry.scope_bucket IN ('day', 'week', 'month') AND NOT dated THEN
        PERFORM refresh.refuse_registration(entry, 'scope_bucket',
            format('%s needs a date or timestamp, and %s is of type %s', entry.scope_bucket, entry.scope_column, type),
            'Set scope_bucket to hash:N, or to NULL for each value by itself.');
    ELSIF starts_with(entry.scope_bucket, 'hash:') AND type IN ('timestamp', 'timestamptz', 'bool') THEN
        PERFORM refresh.refuse_registration(entry, 'scope_bucket',
            format('%s does not suit %s of type %s', entry.scope_bucket, entry.scope_column, type),
            CASE type WHEN 'bool' THEN 'Set scope_bucket to NULL.' ELSE 'Set scope_bucket to day, week or month.' END);
    ELSIF entry.lookback IS NOT NULL AND (NOT dated OR starts_with(entry.scope_bucket, 'hash:')) THEN
        PERFORM refresh.refuse_registration(entry, 'lookback',
            format('counts days, and the scopes of %s are no dates', entry.scope_column),
            'Set lookback to NULL, or choose a date or timestamp as scope_column, by day, week or month.');
    END IF;
END $$;

CREATE FUNCTION refresh.check_source(entry refresh.refresh_table_registry)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    IF entry.handler = 'summaries' THEN
        RETURN;
    END IF;
    IF entry.source IS NULL THEN
        PERFORM refresh.refuse_registration(entry, 'source', 'is missing',
            'Set source to the BigQuery table or view, as project.dataset.table.');
    END IF;
    -- A project may have a domain in front (example.com:project), a table name also letters of any script, - and spaces.
    IF entry.source !~ '^([A-Za-z0-9.-]+:)?[A-Za-z0-9][A-Za-z0-9_-]*\.[A-Za-z0-9_]+\.[^].:`"''\\*@$/(){}\[[:cntrl:]]+$' THEN
        PERFORM refresh.refuse_registration(entry, 'source', format('is %s, which is not project.dataset.table', quote_literal(entry.source)),
            'Name one BigQuery table or view by exactly three parts, without backticks, wildcard or decorator; '
            'a dataset has letters, digits and _ only.');
    END IF;
END $$;

CREATE FUNCTION refresh.check_target(entry refresh.refresh_table_registry)
    RETURNS regclass
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    relation regclass;
    kind "char";
BEGIN
    IF entry.table_schema IN ('information_schema', 'refresh', 'refresh_staging', 'refresh_migrations')
        OR starts_with(entry.table_schema, 'pg_') THEN
        PERFORM refresh.refuse_registration(entry, 'table_schema', format('%s belongs to the system', entry.table_schema),
            'Register tables of other schemas only.');
    END IF;
    relation := to_regclass(format('%I.%I', entry.table_schema, entry.table_name));
    IF relation IS NULL THEN
        PERFORM refresh.refuse_registration(entry, 'table_name', 'does not exist in this database',
            'Create the table first, or correct table_schema and table_name; upper and lower case differ.');
    END IF;
    SELECT c.relkind INTO kind FROM pg_class c WHERE c.oid = relation;
    IF kind NOT IN ('r', 'p', 'm') THEN
        PERFORM refresh.refuse_registration(entry, 'table_name',
            format('is a %s', CASE kind WHEN 'v' THEN 'view' WHEN 'f' THEN 'foreign table' ELSE 'relation of another kind' END),
            'Register a table, or a materialized view with handler summaries.');
    ELSIF entry.handler = 'summaries' AND kind <> 'm' THEN
        PERFORM refresh.refuse_registration(entry, 'handler', 'summaries needs a materialized view, and this is a table',
            'Set handler to generic, or register a materialized view.');
    ELSIF entry.handler <> 'summaries' AND kind = 'm' THEN
        PERFORM refresh.refuse_registration(entry, 'handler',
            format('%s needs a table, and this is a materialized view', entry.handler), 'Set handler to summaries.');
    ELSIF kind = 'm' AND NOT EXISTS (SELECT FROM refresh.unique_keys(relation)) THEN
        PERFORM refresh.refuse_registration(entry, 'table_name',
            'has no unique index, so it cannot be refreshed while it is read (CONCURRENTLY)',
            format('CREATE UNIQUE INDEX ON %s (…) over plain columns, without WHERE.', relation));
    END IF;
    RETURN relation;
END $$;

CREATE FUNCTION refresh.check_unregistration()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    IF EXISTS (SELECT FROM refresh.refresh_task t WHERE t.table_schema = OLD.table_schema AND t.table_name = OLD.table_name) THEN
        RAISE EXCEPTION '%.%: has been part of runs, whose history names it', OLD.table_schema, OLD.table_name
            USING ERRCODE = 'foreign_key_violation', HINT = 'Set mode to disabled: it is then refreshed no more.';
    END IF;
    RETURN OLD;
END $$;

CREATE FUNCTION refresh.check_values(entry refresh.refresh_table_registry)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    wrong record;
BEGIN
    FOR wrong IN
        SELECT * FROM (VALUES
            ('handler', entry.handler, entry.handler IN ('asin', 'search_queries', 'summaries', 'generic'),
                'asin, search_queries, summaries or generic'),
            ('strategy', entry.strategy, entry.strategy IN ('merge', 'append', 'replace'), 'merge, append or replace'),
            ('mode', entry.mode, entry.mode IN ('live', 'shadow', 'dry_run', 'disabled'), 'live or disabled'),
            ('priority', entry.priority::text, entry.priority BETWEEN 0 AND 1000, 'from 0 (first) to 1000'),
            ('frequency_hours', entry.frequency_hours::text, entry.frequency_hours BETWEEN 1 AND 168, 'from 1 to 168'),
            ('lookback', entry.lookback::text, entry.lookback > 0, 'a number of days above 0, or NULL to scan everything'),
            ('slice_target_rows', entry.slice_target_rows::text, entry.slice_target_rows BETWEEN 1 AND 100000000,
                'from 1 to 100000000'),
            ('parallelism', entry.parallelism::text, entry.parallelism BETWEEN 1 AND 32, 'from 1 to 32'),
            ('max_bytes_billed', entry.max_bytes_billed::text, entry.max_bytes_billed > 0,
                'a number of bytes above 0, or NULL for no cap'),
            ('scope_bucket', entry.scope_bucket, entry.scope_bucket ~ '^(day|week|month|hash:[1-9][0-9]{0,3})$',
                'day, week, month, hash:N with N from 1 to 9999, or NULL'),
            ('column_map', entry.column_map::text, jsonb_typeof(entry.column_map) = 'object',
                'a JSON object from source column to target column'),
            ('checks', entry.checks::text, jsonb_typeof(entry.checks) = 'object', 'a JSON object'),
            ('nul_policies', entry.nul_policies::text, jsonb_typeof(entry.nul_policies) = 'object',
                'a JSON object from target column to strip, reject or quarantine')
        ) AS rule (field, value, fits, allowed) WHERE fits IS FALSE
    LOOP
        PERFORM refresh.refuse_registration(entry, wrong.field, format('is %s', wrong.value),
            format('Set %s to %s.', wrong.field, wrong.allowed));
    END LOOP;
    IF entry.mode IN ('shadow', 'dry_run') THEN
        PERFORM refresh.refuse_registration(entry, 'mode', format('%s is not available yet', entry.mode),
            'Set mode to live or disabled.');
    END IF;
    FOR wrong IN
        SELECT name, value FROM jsonb_each(entry.checks) AS given (name, value)
        WHERE CASE
            WHEN name NOT IN ('table_min_ratio', 'scope_min_ratio', 'scope_history') THEN false
            WHEN jsonb_typeof(value) <> 'number' THEN true
            WHEN name = 'scope_history' THEN value::numeric < 1 OR value::numeric % 1 <> 0
            ELSE value::numeric NOT BETWEEN 0 AND 1
        END
    LOOP
        PERFORM refresh.refuse_registration(entry, 'checks', format('has %s = %s', wrong.name, wrong.value),
            format('Set %s to a number %s.', wrong.name,
                CASE wrong.name WHEN 'scope_history' THEN 'from 1, without decimals' ELSE 'from 0 to 1' END));
    END LOOP;
END $$;

CREATE FUNCTION refresh.cleanup(checkpoint_days integer DEFAULT 14, audit_months integer DEFAULT 13, quarantine_days integer DEFAULT 90, outbox_days integer DEFAULT 7, staging_hours integer DEFAULT 48, quality_days integer DEFAULT 400, batch_rows integer DEFAULT 100000, as_of timestamp with time zone DEFAULT now())
    RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp SET lock_timeout=1s
    AS $$
DECLARE
    wrong text;
    removed jsonb := '{}';
    n bigint;
BEGIN
    SELECT given.name INTO wrong FROM (VALUES
        ('checkpoint_days', checkpoint_days), ('audit_months', audit_months), ('quarantine_days', quarantine_days),
        ('outbox_days', outbox_days), ('staging_hours', staging_hours), ('quality_days', quality_days),
        ('batch_rows', batch_rows)) AS given (name, value)
    WHERE given.value < 1 OR given.value IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'cleanup: % must be at least 1', wrong USING ERRCODE = 'invalid_parameter_value',
            HINT = 'What is younger than a day, month or hour is never removed.';
    END IF;
    IF NOT pg_try_advisory_xact_lock(hashtextextended('refresh.cleanup', 0)) THEN
        RETURN jsonb_build_object('already_running', true);
    END IF;

    DELETE FROM refresh.refresh_checkpoint WHERE ctid = ANY (ARRAY(
        SELECT c.ctid FROM refresh.refresh_checkpoint c JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
        WHERE t.finished_at < as_of - make_interval(days => checkpoint_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('checkpoints', n);

    DELETE FROM refresh.refresh_task_scope WHERE ctid = ANY (ARRAY(
        SELECT s.ctid FROM refresh.refresh_task_scope s JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
        WHERE t.finished_at < as_of - make_interval(days => checkpoint_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('task_scopes', n);

    DELETE FROM refresh.refresh_outbox WHERE outbox_id = ANY (ARRAY(
        SELECT o.outbox_id FROM refresh.refresh_outbox o
        WHERE o.published_at < as_of - make_interval(days => outbox_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('outbox', n);

    DELETE FROM refresh.refresh_quarantine WHERE quarantine_id = ANY (ARRAY(
        SELECT q.quarantine_id FROM refresh.refresh_quarantine q
        WHERE q.quarantined_at < as_of - make_interval(days => quarantine_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('quarantine', n);

    DELETE FROM refresh.refresh_dead_letter WHERE dead_letter_id = ANY (ARRAY(
        SELECT d.dead_letter_id FROM refresh.refresh_dead_letter d
        WHERE d.received_at < as_of - make_interval(days => quarantine_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('dead_letters', n);

    DELETE FROM refresh.refresh_data_quality WHERE check_id = ANY (ARRAY(
        SELECT q.check_id FROM refresh.refresh_data_quality q
        WHERE q.checked_at < as_of - make_interval(days => quality_days) LIMIT batch_rows));
    GET DIAGNOSTICS n = ROW_COUNT;
    removed := removed || jsonb_build_object('data_quality', n);

    RETURN removed || refresh.drop_staging(as_of - make_interval(hours => staging_hours))
        || refresh.keep_audit_months(audit_months, as_of);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.cleanup FROM PUBLIC;

CREATE FUNCTION refresh.cleanup_webhooks(delivery_days integer DEFAULT 30, batch_rows integer DEFAULT 100000, as_of timestamp with time zone DEFAULT now())
    RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    removed bigint;
    forgotten bigint;
BEGIN
    IF delivery_days < 1 OR batch_rows < 1 THEN
        RAISE EXCEPTION 'cleanup_webhooks: delivery_days and batch_rows must be at least 1'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'What is younger than a day is never removed.';
    END IF;
    DELETE FROM refresh.webhook_delivery WHERE delivery_id = ANY (ARRAY(
        SELECT d.delivery_id FROM refresh.webhook_delivery d
        WHERE d.state <> 'pending' AND d.created_at < as_of - make_interval(days => delivery_days) LIMIT batch_rows));
    GET DIAGNOSTICS removed = ROW_COUNT;
    UPDATE refresh.webhook_endpoint SET previous_secret = NULL, previous_secret_until = NULL
    WHERE previous_secret_until < as_of;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN jsonb_build_object('webhook_deliveries', removed, 'webhook_secrets', forgotten);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.cleanup_webhooks FROM PUBLIC;

CREATE FUNCTION refresh.column_names(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT string_agg(attname::text, ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
$$;

CREATE FUNCTION refresh.column_type(relation regclass, column_name text)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
WITH RECURSIVE base AS (
    SELECT t.typname, t.typtype, t.typbasetype
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = relation AND a.attname = column_name AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT t.typname, t.typtype, t.typbasetype FROM base JOIN pg_type t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
)
SELECT typname::text FROM base WHERE typtype <> 'd'
$$;

CREATE FUNCTION refresh.configuration(entry refresh.refresh_table_registry)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT to_jsonb(entry) - ARRAY['last_refreshed_at', 'next_refresh_at', 'last_data_period', 'config_version', 'data_version',
    'scanned_snapshot_at', 'scanned_from', 'created_at']
$$;

CREATE FUNCTION refresh.day_lock()
    RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN hashtextextended('refresh.refresh_day'::text, (0)::bigint);

CREATE FUNCTION refresh.disable_webhook(endpoint uuid, why text)
    RETURNS boolean
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    UPDATE refresh.webhook_endpoint
    SET state = 'disabled', disabled_reason = why, version = version + 1, updated_at = clock_timestamp()
    WHERE endpoint_id = endpoint AND state = 'enabled';
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- What is being sent at this moment still ends as its receiver answers.
    UPDATE refresh.webhook_delivery
    SET state = 'failed', next_attempt_at = NULL, lease_until = NULL,
        error = coalesce(error || '; ', '') || 'the endpoint was disabled'
    WHERE endpoint_id = endpoint AND state = 'pending' AND coalesce(lease_until, '-infinity') <= clock_timestamp();
    RETURN true;
END $$;

CREATE FUNCTION refresh.drop_staging(held_since timestamp with time zone)
    RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
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
    RETURN jsonb_build_object('staging_tables', dropped, 'staging_tables_deferred', deferred);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.drop_staging FROM PUBLIC;

CREATE FUNCTION refresh.duration_ms(started_at timestamp with time zone, finished_at timestamp with time zone)
    RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (LEAST((EXTRACT(epoch FROM (finished_at - started_at)) * (1000)::numeric), (2147483647)::numeric))::integer;

CREATE FUNCTION refresh.empty_audit_rest()
    RETURNS bigint
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
    AS $$
DECLARE
    moved bigint;
BEGIN
    LOCK TABLE refresh.refresh_audit_log IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE refresh.refresh_audit_log DETACH PARTITION refresh.refresh_audit_log_rest;
    ALTER TABLE refresh.refresh_audit_log_rest RENAME TO refresh_audit_log_moving;
    CREATE TABLE refresh.refresh_audit_log_rest PARTITION OF refresh.refresh_audit_log DEFAULT;
    CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.refresh_audit_log_rest
    FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change();
    PERFORM refresh.add_audit_month(month) FROM (
        SELECT DISTINCT date_trunc('month', at)::date AS month FROM refresh.refresh_audit_log_moving
    ) AS months;
    INSERT INTO refresh.refresh_audit_log OVERRIDING SYSTEM VALUE SELECT * FROM refresh.refresh_audit_log_moving;
    GET DIAGNOSTICS moved = ROW_COUNT;
    DROP TABLE refresh.refresh_audit_log_moving;
    RETURN moved;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.empty_audit_rest FROM PUBLIC;

CREATE FUNCTION refresh.first_open_day()
    RETURNS date
    LANGUAGE sql STABLE
    RETURN (((now() - '01:00:00'::interval) AT TIME ZONE 'UTC'::text))::date;

CREATE FUNCTION refresh.forget_days()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
    AS $$
DECLARE
    days date[];
BEGIN
    SELECT array_agg(DISTINCT finished_at::date) INTO days FROM changed WHERE finished_at < refresh.first_open_day();
    IF days IS NOT NULL THEN
        PERFORM pg_advisory_xact_lock_shared(refresh.day_lock());
        DELETE FROM refresh.refresh_day WHERE day = ANY (days);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.grant_access(schema_name text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    IF schema_name IN ('information_schema', 'refresh', 'refresh_staging', 'refresh_migrations') OR starts_with(schema_name, 'pg_') THEN
        RAISE EXCEPTION 'schema % belongs to the system', schema_name USING ERRCODE = 'insufficient_privilege',
            HINT = 'Name a schema with target tables.';
    END IF;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO refresh_loader, refresh_api, refresh_reader', schema_name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO refresh_loader', schema_name);
    EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO refresh_loader', schema_name);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO refresh_reader, refresh_api', schema_name);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO refresh_loader', schema_name);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT USAGE ON SEQUENCES TO refresh_loader', schema_name);
    EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON TABLES TO refresh_reader, refresh_api', schema_name);
END $$;

CREATE FUNCTION refresh.guard_task_move()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog
    AS $$
BEGIN
    IF refresh.is_terminal(OLD.status) THEN
        RAISE EXCEPTION 'task %.% of run % has ended as %; an ended task never changes',
            OLD.table_schema, OLD.table_name, OLD.run_id, OLD.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('queued', 'running'), ('queued', 'skipped'), ('queued', 'failed'), ('running', 'queued'), ('running', 'success'),
        ('running', 'no_new_data'), ('running', 'warning'), ('running', 'held'), ('running', 'failed'), ('running', 'skipped')
    ) THEN
        RAISE EXCEPTION 'a task cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.epoch < OLD.epoch THEN
        RAISE EXCEPTION 'the epoch of a task never falls (% to %)', OLD.epoch, NEW.epoch USING ERRCODE = 'check_violation';
    END IF;
    IF refresh.is_terminal(NEW.status) THEN
        NEW.lease_until := NULL;
        NEW.finished_at := clock_timestamp();
    ELSIF NEW.status = 'queued' THEN
        NEW.lease_until := NULL;
    ELSIF OLD.started_at IS NULL THEN
        NEW.started_at := clock_timestamp();
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION refresh.is_terminal(status text)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (status = ANY (ARRAY['success'::text, 'no_new_data'::text, 'warning'::text, 'held'::text, 'failed'::text, 'skipped'::text]));

CREATE FUNCTION refresh.is_wanted(wanted_events text[], wanted_tables text[], event_type text, event_table text)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((cardinality(wanted_events) = 0) OR (event_type = ANY (wanted_events))) AND ((cardinality(wanted_tables) = 0) OR (EXISTS (SELECT FROM unnest(is_wanted.wanted_tables) pattern(pattern) WHERE (is_wanted.event_table ~~ replace(replace(replace(replace(pattern.pattern, '\'::text, '\\'::text), '%'::text, '\%'::text), '_'::text, '\_'::text), '*'::text, '%'::text))))));

CREATE FUNCTION refresh.keep_audit_months(audit_months integer, as_of timestamp with time zone)
    RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
    AS $$
DECLARE
    this_month date := date_trunc('month', as_of);
    oldest date := this_month - make_interval(months => audit_months);
    name text;
    added integer := 0;
    dropped integer := 0;
    moved bigint := 0;
BEGIN
    IF EXISTS (SELECT FROM refresh.refresh_audit_log_rest WHERE at < this_month) THEN
        moved := refresh.empty_audit_rest();
    END IF;
    FOR i IN 0..1 LOOP
        added := added + refresh.add_audit_month((this_month + make_interval(months => i))::date)::integer;
    END LOOP;
    FOR name IN
        SELECT c.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid
        WHERE h.inhparent = 'refresh.refresh_audit_log'::regclass AND c.relname ~ '^refresh_audit_log_\d{4,}_\d\d$'
            AND to_date(substring(c.relname FROM '\d{4,}_\d\d$'), 'YYYY_MM') < oldest
    LOOP
        EXECUTE format('DROP TABLE refresh.%I', name);
        dropped := dropped + 1;
    END LOOP;
    RETURN jsonb_build_object('audit_rows_moved', moved, 'audit_months_added', added, 'audit_months_dropped', dropped);
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN jsonb_build_object('audit_months_deferred', 1);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.keep_audit_months FROM PUBLIC;

CREATE FUNCTION refresh.needs_staging(name text, held_since timestamp with time zone)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT EXISTS (
    SELECT FROM refresh.refresh_task t
    WHERE t.staging_table = name
        AND (NOT refresh.is_terminal(t.status) OR (t.status = 'held' AND t.finished_at >= held_since)))
$$;

CREATE FUNCTION refresh.refresh_view(view_schema text, view_name text)
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    rows bigint;
BEGIN
    IF NOT EXISTS (
        SELECT FROM refresh.refresh_table_registry r
        WHERE (r.table_schema, r.table_name) = (view_schema, view_name) AND r.handler = 'summaries'
    ) THEN
        RAISE EXCEPTION '%.% is not registered with handler summaries', view_schema, view_name
            USING ERRCODE = 'insufficient_privilege', HINT = 'Register the materialized view first.';
    END IF;
    BEGIN
        EXECUTE format('REFRESH MATERIALIZED VIEW CONCURRENTLY %I.%I', view_schema, view_name);
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE EXCEPTION '%.%: %', view_schema, view_name, SQLERRM USING ERRCODE = 'insufficient_privilege',
            HINT = format('ALTER MATERIALIZED VIEW %I.%I OWNER TO %I; and let it read what the view reads.',
                view_schema, view_name, current_user);
    END;
    EXECUTE format('SELECT count(*) FROM %I.%I', view_schema, view_name) INTO rows;
    RETURN rows;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.refresh_view FROM PUBLIC;

CREATE FUNCTION refresh.refuse_change()
    RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION refresh.refuse_registration(entry refresh.refresh_table_registry, field text, problem text, remedy text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    RAISE EXCEPTION '%.%: % %', entry.table_schema, entry.table_name, field, problem
        USING ERRCODE = 'check_violation', HINT = remedy,
            SCHEMA = 'refresh', TABLE = 'refresh_table_registry', COLUMN = field;
END $$;

CREATE FUNCTION refresh.register_commented()
    RETURNS event_trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    said record;
BEGIN
    FOR said IN
        SELECT n.nspname AS schema_name, c.relname AS name, c.relkind AS kind,
            substring(obj_description(c.oid, 'pg_class') FROM '(?:^|\s)refresh:\s*(\{.*)$') AS options
        FROM pg_event_trigger_ddl_commands() AS command
        JOIN pg_class c ON c.oid = command.objid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN refresh.managed_schema m ON m.schema_name = n.nspname
        WHERE command.classid = 'pg_class'::regclass AND command.objsubid = 0 AND c.relkind IN ('r', 'p', 'm')
    LOOP
        CONTINUE WHEN said.options IS NULL;
        PERFORM refresh.register_options(said.schema_name, said.name,
            jsonb_build_object('handler', CASE said.kind WHEN 'm' THEN 'summaries' ELSE 'generic' END) || said.options::jsonb);
    END LOOP;
EXCEPTION WHEN data_exception THEN
    RAISE EXCEPTION '%.%: the comment''s refresh options cannot be used: %', said.schema_name, said.name, SQLERRM
        USING ERRCODE = 'check_violation',
            HINT = 'End the comment with refresh: {"source": "project.dataset.table"}, with options of refresh.register_table as JSON.';
END $$;

CREATE FUNCTION refresh.register_options(table_schema text, table_name text, options jsonb)
    RETURNS refresh.refresh_table_registry
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    known text[];
    unknown text;
    entry refresh.refresh_table_registry;
BEGIN
    known := ARRAY(
        SELECT jsonb_object_keys(refresh.configuration(jsonb_populate_record(NULL::refresh.refresh_table_registry, '{}')))
        EXCEPT VALUES ('table_schema'), ('table_name'));
    SELECT string_agg(key, ', ') INTO unknown FROM jsonb_object_keys(options) AS key
    WHERE key <> ALL (known) AND key <> 'depends_on';
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION '%.%: unknown option %', table_schema, table_name, unknown USING ERRCODE = 'check_violation',
            HINT = format('Options are %s and depends_on.', array_to_string(known, ', '));
    END IF;
    -- Options that are not given take the defaults of the table.
    EXECUTE format(
        'INSERT INTO refresh.refresh_table_registry AS r (table_schema, table_name%1$s) '
        'SELECT $1, $2%1$s FROM jsonb_populate_record(NULL::refresh.refresh_table_registry, $3) '
        'ON CONFLICT ON CONSTRAINT refresh_table_registry_pkey DO UPDATE SET %2$s RETURNING r.*',
        (SELECT string_agg(', ' || quote_ident(name), '') FROM unnest(known) AS name WHERE options ? name),
        (SELECT string_agg(format('%1$I = EXCLUDED.%1$I', name), ', ') FROM unnest(known) AS name)
    ) INTO entry USING table_schema, table_name, options;
    IF options -> 'depends_on' <> 'null' THEN
        PERFORM refresh.set_dependencies(table_schema, table_name, options -> 'depends_on');
    END IF;
    RETURN entry;
END $$;

CREATE FUNCTION refresh.register_table(table_schema text, table_name text, source text DEFAULT NULL::text, handler text DEFAULT 'generic'::text, column_map jsonb DEFAULT '{}'::jsonb, key_columns text[] DEFAULT '{}'::text[], scope_column text DEFAULT NULL::text, scope_bucket text DEFAULT NULL::text, strategy text DEFAULT 'merge'::text, mode text DEFAULT 'live'::text, priority integer DEFAULT 100, frequency_hours integer DEFAULT 24, lookback integer DEFAULT NULL::integer, slice_target_rows integer DEFAULT 250000, parallelism integer DEFAULT 1, max_bytes_billed bigint DEFAULT NULL::bigint, checks jsonb DEFAULT '{}'::jsonb, nul_policies jsonb DEFAULT '{}'::jsonb, loaded_at_column text DEFAULT NULL::text, depends_on jsonb DEFAULT NULL::jsonb)
    RETURNS refresh.refresh_table_registry
    LANGUAGE sql
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT * FROM refresh.register_options(table_schema, table_name, jsonb_build_object(
    'source', source, 'handler', handler, 'column_map', column_map, 'key_columns', key_columns,
    'scope_column', scope_column, 'scope_bucket', scope_bucket, 'strategy', strategy, 'mode', mode,
    'priority', priority, 'frequency_hours', frequency_hours, 'lookback', lookback,
    'slice_target_rows', slice_target_rows, 'parallelism', parallelism, 'max_bytes_billed', max_bytes_billed,
    'checks', checks, 'nul_policies', nul_policies, 'loaded_at_column', loaded_at_column, 'depends_on', depends_on))
$$;

CREATE FUNCTION refresh.request_run(tables text[] DEFAULT NULL::text[], force boolean DEFAULT false, requested_by text DEFAULT CURRENT_USER, idempotency_key text DEFAULT NULL::text)
    RETURNS uuid
    LANGUAGE plpgsql
    SET search_path=pg_catalog
    AS $$
DECLARE
    the_run uuid := gen_random_uuid();
    missing text;
BEGIN
    SELECT string_agg(wanted, ', ') INTO missing FROM unnest(tables) AS wanted
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_table_registry r WHERE r.table_schema || '.' || r.table_name = wanted);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'not registered: %', missing
            USING ERRCODE = 'undefined_table', HINT = 'Register the table first, or name it as schema.table.';
    END IF;
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key)
    VALUES (the_run, 'manual', requested_by,
        jsonb_strip_nulls(jsonb_build_object('tables', to_jsonb(tables), 'force', force)),
        coalesce(idempotency_key, 'manual:' || the_run));
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', the_run));
    RETURN the_run;
END $$;

CREATE FUNCTION refresh.roll_up_days(since timestamp with time zone, OUT covered_from timestamp with time zone, OUT covered_until timestamp with time zone)
    RETURNS record
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
    AS $$
DECLARE
    first_day date;
    open_day date := refresh.first_open_day();
BEGIN
    SELECT min(finished_at)::date INTO first_day FROM refresh.refresh_task WHERE finished_at IS NOT NULL;
    first_day := least(open_day, greatest(first_day,
        (since + interval '1 day' - interval '1 microsecond')::date));
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
    INSERT INTO refresh.refresh_day
    SELECT d::date,
        coalesce((SELECT jsonb_object_agg(s.status, s.tasks) FROM (
            SELECT t.status, count(*) AS tasks FROM refresh.refresh_task t
            WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day' GROUP BY t.status) s), '{}'),
        sums.*
    FROM generate_series(covered_from, open_day - 1, interval '1 day') AS d
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(t.rows_read), 0), coalesce(sum(t.rows_inserted), 0), coalesce(sum(t.rows_updated), 0),
            coalesce(sum(t.rows_deleted), 0), coalesce(sum(t.rows_quarantined), 0), coalesce(sum(t.bytes_billed), 0),
            coalesce(array_agg(refresh.duration_ms(t.started_at, t.finished_at)
                ORDER BY refresh.duration_ms(t.started_at, t.finished_at)) FILTER (WHERE t.started_at IS NOT NULL), '{}')
        FROM refresh.refresh_task t
        WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day'
    ) sums
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_day r WHERE r.day = d::date)
    ON CONFLICT (day) DO NOTHING;
END $$;

CREATE FUNCTION refresh.set_dependencies(table_schema text, table_name text, depends_on jsonb)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    wrong text;
BEGIN
    IF jsonb_typeof(depends_on) = 'object' THEN
        SELECT given.key || ': ' || given.value INTO wrong FROM jsonb_each(depends_on) AS given
        WHERE given.key !~ '^[^.]+\.[^.]+$' OR given.value NOT IN ('"hard"', '"soft"');
    ELSE
        wrong := depends_on::text;
    END IF;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '%.%: depends_on has %', table_schema, table_name, wrong USING ERRCODE = 'check_violation',
            HINT = 'Write it as {"schema.name": "hard"} or "soft".';
    END IF;
    DELETE FROM refresh.refresh_dependency d
    WHERE d.table_schema = set_dependencies.table_schema AND d.table_name = set_dependencies.table_name
        AND NOT depends_on ? (d.depends_on_schema || '.' || d.depends_on_name);
    INSERT INTO refresh.refresh_dependency AS d (table_schema, table_name, depends_on_schema, depends_on_name, kind)
    SELECT set_dependencies.table_schema, set_dependencies.table_name, split_part(key, '.', 1), split_part(key, '.', 2), value
    FROM jsonb_each_text(depends_on)
    ON CONFLICT ON CONSTRAINT refresh_dependency_pkey DO UPDATE SET kind = EXCLUDED.kind WHERE d.kind <> EXCLUDED.kind;
END $$;

CREATE FUNCTION refresh.shown_webhook(entry refresh.webhook_endpoint)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT jsonb_build_object('url', entry.url, 'kind', entry.kind, 'description', entry.description,
    'events', entry.events, 'tables', entry.tables)
$$;

CREATE FUNCTION refresh.unique_keys(relation regclass)
    RETURNS SETOF text[]
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT array_agg(a.attname::text ORDER BY a.attname)
FROM pg_index i
CROSS JOIN LATERAL unnest(i.indkey[0:i.indnkeyatts - 1]) AS k (attnum)
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = relation AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND i.indpred IS NULL AND i.indexprs IS NULL
GROUP BY i.indexrelid
$$;

CREATE TRIGGER insert_only BEFORE DELETE OR UPDATE ON refresh.refresh_audit_log FOR EACH ROW EXECUTE FUNCTION refresh.refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.refresh_audit_log FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.refresh_audit_log_rest FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change();
CREATE TRIGGER audit_slice_move AFTER UPDATE ON refresh.refresh_checkpoint FOR EACH ROW EXECUTE FUNCTION refresh.audit_slice_move();
CREATE TRIGGER audit_dependency AFTER INSERT OR DELETE OR UPDATE ON refresh.refresh_dependency FOR EACH ROW EXECUTE FUNCTION refresh.audit_dependency();
CREATE TRIGGER check_dependency BEFORE INSERT OR UPDATE ON refresh.refresh_dependency FOR EACH ROW EXECUTE FUNCTION refresh.check_dependency();
CREATE TRIGGER audit_run_move AFTER INSERT OR UPDATE ON refresh.refresh_run FOR EACH ROW EXECUTE FUNCTION refresh.audit_run_move();
CREATE TRIGGER audit_configuration AFTER INSERT OR DELETE OR UPDATE ON refresh.refresh_table_registry FOR EACH ROW EXECUTE FUNCTION refresh.audit_configuration();
CREATE TRIGGER check_registration BEFORE INSERT OR UPDATE ON refresh.refresh_table_registry FOR EACH ROW EXECUTE FUNCTION refresh.check_registration();
CREATE TRIGGER check_unregistration BEFORE DELETE ON refresh.refresh_table_registry FOR EACH ROW EXECUTE FUNCTION refresh.check_unregistration();
CREATE TRIGGER announce_task_end AFTER UPDATE ON refresh.refresh_task FOR EACH ROW WHEN (refresh.is_terminal(new.status)) EXECUTE FUNCTION refresh.announce_task_end();
CREATE TRIGGER audit_task_move AFTER INSERT OR UPDATE ON refresh.refresh_task FOR EACH ROW EXECUTE FUNCTION refresh.audit_task_move();
CREATE TRIGGER forget_days_deleted AFTER DELETE ON refresh.refresh_task REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_days();
CREATE TRIGGER forget_days_inserted AFTER INSERT ON refresh.refresh_task REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_days();
CREATE TRIGGER forget_days_updated AFTER UPDATE ON refresh.refresh_task REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_days();
CREATE TRIGGER guard_task_move BEFORE UPDATE ON refresh.refresh_task FOR EACH ROW EXECUTE FUNCTION refresh.guard_task_move();
CREATE TRIGGER audit_webhook AFTER INSERT OR DELETE OR UPDATE ON refresh.webhook_endpoint FOR EACH ROW EXECUTE FUNCTION refresh.audit_webhook();

CREATE EVENT TRIGGER refresh_register_commented ON ddl_command_end WHEN TAG IN ('COMMENT') EXECUTE FUNCTION refresh.register_commented();

COMMENT ON SCHEMA refresh IS 'Control plane of the BigQuery refresh: registry, runs, tasks, checkpoints, audit, outbox.';
COMMENT ON FUNCTION refresh.actor() IS 'Who acts: the setting refresh.actor where a transaction has set it, else the database user.';
COMMENT ON FUNCTION refresh.add_audit_month(pg_catalog.date) IS 'Gives a month (UTC, its first day) of the audit log its own partition, unless the rest holds rows of it.';
COMMENT ON FUNCTION refresh.cleanup(integer,integer,integer,integer,integer,integer,integer,timestamp with time zone) IS 'Removes, by age, what is no longer needed, at most batch_rows of a kind; returns counts. Tables in use are left for the next call.';
COMMENT ON FUNCTION refresh.cleanup_webhooks(integer,integer,timestamp with time zone) IS 'Removes deliveries that ended long ago and secrets whose overlap is over; returns counts.';
COMMENT ON FUNCTION refresh.column_type(pg_catalog.regclass,pg_catalog.text) IS 'Name of a column''s type, through domains; NULL when there is no such column.';
COMMENT ON FUNCTION refresh.configuration(refresh.refresh_table_registry) IS 'The part of a registry row that people decide.';
COMMENT ON FUNCTION refresh.disable_webhook(pg_catalog.uuid,pg_catalog.text) IS 'Disables an endpoint and ends what waits for it; false when it was disabled or is gone.';
COMMENT ON FUNCTION refresh.empty_audit_rest() IS 'Moves the rows of the default partition of the audit log into partitions of their months.';
COMMENT ON FUNCTION refresh.grant_access(pg_catalog.text) IS 'Lets the loader fill, and the API and dashboards read, the tables of a schema, those made later by the caller included.';
COMMENT ON FUNCTION refresh.is_wanted(pg_catalog.text[],pg_catalog.text[],pg_catalog.text,pg_catalog.text) IS 'Whether an endpoint with these filters gets the event.';
COMMENT ON TABLE refresh.managed_schema IS 'Schemas whose tables register themselves by a comment that has, at its end, refresh: {…}: options of refresh.register_table as JSON.';
COMMENT ON TABLE refresh.refresh_audit_log IS 'Something that happened. Insert-only; folding the task events gives refresh_task.';
COMMENT ON TABLE refresh.refresh_checkpoint IS 'A slice of a task: which scopes, which BigQuery job, how far it was read and staged.';
COMMENT ON COLUMN refresh.refresh_checkpoint.rows_received IS 'Rows of the slice''s result; rows_read counts the source rows behind them.';
COMMENT ON COLUMN refresh.refresh_checkpoint.stream_offsets IS 'Committed offset of each stream of read_session; an offset belongs to its session alone.';
COMMENT ON TABLE refresh.refresh_day IS 'Figures of the tasks that ended on a day (UTC) that is over: made when first asked for, gone when one of them changes.';
COMMENT ON COLUMN refresh.refresh_day.by_status IS 'JSON object, task status to number of tasks.';
COMMENT ON COLUMN refresh.refresh_day.durations_ms IS 'Of every task that was started, in ascending order.';
COMMENT ON TABLE refresh.refresh_dead_letter IS 'A message that nobody could handle, with the reason; the payload can be replayed.';
COMMENT ON TABLE refresh.refresh_dependency IS 'A table waits for another: hard needs its success, soft only its end.';
COMMENT ON TABLE refresh.refresh_heartbeat IS 'When the sweep, and its hourly cleanup, last ran to their end.';
COMMENT ON TABLE refresh.refresh_outbox IS 'A message that is owed, written in the transaction that makes it true.';
COMMENT ON TABLE refresh.refresh_partition_state IS 'A scope value of a target table as last published; fingerprint NULL: the scope had vanished.';
COMMENT ON TABLE refresh.refresh_quarantine IS 'A source row that the target cannot hold, with the reason.';
COMMENT ON COLUMN refresh.refresh_run.request IS 'What was asked: tables (schema.name), force, mode.';
COMMENT ON COLUMN refresh.refresh_run.snapshot_at IS 'The moment, by the clock of BigQuery, at which every query of the run reads.';
COMMENT ON TABLE refresh.refresh_table_registry IS 'A table or materialized view that is refreshed, and how.';
COMMENT ON COLUMN refresh.refresh_table_registry.column_map IS 'JSON object, source column to target column; null leaves a column out.';
COMMENT ON COLUMN refresh.refresh_table_registry.config_version IS 'Raised by every change of the configuration.';
COMMENT ON COLUMN refresh.refresh_table_registry.data_version IS 'Raised by every publish that wrote rows; summaries compare it.';
COMMENT ON COLUMN refresh.refresh_table_registry.key_columns IS 'Target columns of a unique index; empty takes the primary key, and without one means a table without a key.';
COMMENT ON COLUMN refresh.refresh_table_registry.loaded_at_column IS 'Target column that takes the time of the publish for rows that it wrote.';
COMMENT ON COLUMN refresh.refresh_table_registry.lookback IS 'Days before the snapshot to scan; NULL scans everything.';
COMMENT ON COLUMN refresh.refresh_table_registry.nul_policies IS 'JSON object, target column to strip, reject or quarantine; strip where absent.';
COMMENT ON COLUMN refresh.refresh_table_registry.scanned_snapshot_at IS 'Newest snapshot at which a published run scanned every scope from scanned_from on.';
COMMENT ON COLUMN refresh.refresh_table_registry.scope_bucket IS 'day, week (from Sunday), month or hash:N: scope values of many distinct ones.';
COMMENT ON COLUMN refresh.refresh_table_registry.scope_column IS 'Target column whose values are planned, compared and published apart.';
COMMENT ON COLUMN refresh.refresh_table_registry.source IS 'BigQuery table or view, project.dataset.table.';
COMMENT ON COLUMN refresh.refresh_task.attempt IS 'Claims since the task last made progress.';
COMMENT ON COLUMN refresh.refresh_task.commit_marker IS 'Written by each fenced transaction: tells whether a COMMIT without reply took place.';
COMMENT ON COLUMN refresh.refresh_task.owed_at IS 'When a message for the task was last put into the outbox.';
COMMENT ON TABLE refresh.refresh_task_scope IS 'What the plan found for one scope value, and does about it.';
COMMENT ON FUNCTION refresh.refresh_view(pg_catalog.text,pg_catalog.text) IS 'Refreshes a registered materialized view while it is read, with the rights of its owner; returns its rows.';
COMMENT ON FUNCTION refresh.register_table(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.jsonb,pg_catalog.text[],pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text,integer,integer,integer,integer,integer,bigint,pg_catalog.jsonb,pg_catalog.jsonb,pg_catalog.text,pg_catalog.jsonb) IS 'Registers a table, or sets its whole configuration anew. depends_on: {"schema.name": "hard" or "soft"}; NULL leaves the dependencies as they are.';
COMMENT ON FUNCTION refresh.request_run(pg_catalog.text[],boolean,pg_catalog.text,pg_catalog.text) IS 'Asks for a manual run of the named tables (schema.table), or of all that are enabled. Returns the run id.';
COMMENT ON FUNCTION refresh.roll_up_days(timestamp with time zone) IS 'Fills refresh_day for whole days from `since` on (NULL: from the first task), and returns the span that it covers.';
COMMENT ON FUNCTION refresh.shown_webhook(refresh.webhook_endpoint) IS 'The configuration of an endpoint, without its secrets.';
COMMENT ON FUNCTION refresh.unique_keys(pg_catalog.regclass) IS 'Sorted columns of each unique index that can serve as a key: whole, valid, plain columns.';
COMMENT ON TABLE refresh.webhook_delivery IS 'One event on its way to one endpoint; event_id is the webhook-id of every attempt.';
COMMENT ON TABLE refresh.webhook_endpoint IS 'A receiver of events, and which of them it gets.';
COMMENT ON COLUMN refresh.webhook_endpoint.events IS 'Event types; empty: all.';
COMMENT ON COLUMN refresh.webhook_endpoint.failing_since IS 'First failed attempt after the last one that succeeded.';
COMMENT ON COLUMN refresh.webhook_endpoint.paused_until IS 'Until when the receiver asked to be left alone (Retry-After).';
COMMENT ON COLUMN refresh.webhook_endpoint.sealed_url IS 'The URL, encrypted: Slack''s is a password.';
COMMENT ON COLUMN refresh.webhook_endpoint.secret IS 'Signing secret, encrypted.';
COMMENT ON COLUMN refresh.webhook_endpoint.tables IS 'Patterns of schema.name, * for any characters; empty: all.';
COMMENT ON COLUMN refresh.webhook_endpoint.url IS 'Where events are posted; where sealed_url is set, only what may be shown of it.';
COMMENT ON SCHEMA refresh_staging IS 'UNLOGGED staging tables, one a task; dropped when the task publishes or expires.';
COMMENT ON SCHEMA sqp IS 'Amazon Search Query Performance: own ASINs and their markets, by query and report period.';
COMMENT ON TABLE sqp.asin_brand_map IS 'The brand of an ASIN in a marketplace; a manual entry beats an automatic one.';
COMMENT ON TABLE sqp.asin_performance_data IS 'An own ASIN in a report period: its counts summed over all queries that were reported (about 100 at most: a floor).';
COMMENT ON COLUMN sqp.asin_performance_data.asin IS 'Own (child) ASIN.';
COMMENT ON COLUMN sqp.asin_performance_data.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.asin_performance_data.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.asin_performance_data.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.asin_performance_data.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.asin_performance_data.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.asin_performance_data.loaded_at IS 'When the row was last written.';
COMMENT ON COLUMN sqp.asin_performance_data.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.asin_performance_data.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.asin_performance_data.parent_asin IS 'NULL where none was delivered.';
COMMENT ON COLUMN sqp.asin_performance_data.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.asin_performance_data.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.asin_performance_data.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.asin_performance_data.title IS 'Product name; NULL where the source has none.';
COMMENT ON TABLE sqp.brand_terms IS 'Terms that make a query a branded one.';
COMMENT ON TABLE sqp.brands IS 'Brands of a client. The name unmapped is kept for ASINs without a brand.';
COMMENT ON VIEW sqp.quality_warnings IS 'Rows of a report whose own count exceeds the total, or whose share is off own ÷ total by more than 0.0002.';
COMMENT ON TABLE sqp.query_class IS 'Branded, generic or competitor, by query key.';
COMMENT ON TABLE sqp.report_coverage IS 'Whether an ASIN was measured in a period: a missing row is not a zero.';
COMMENT ON MATERIALIZED VIEW sqp.search_performance_summary IS 'Brand × query × period. Brand is unmapped where sqp.asin_brand_map does not know the ASIN. Counts are events, shares and rates fractions recomputed from sums. Market figures repeat on each brand of a query: never sum them over brands.';
COMMENT ON TABLE sqp.search_query_market IS 'A query in a report period, whole market, once: built from all own ASINs, before any brand filter.';
COMMENT ON COLUMN sqp.search_query_market.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.search_query_market.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.search_query_market.n_own_asins IS 'Own ASINs with a row for the query.';
COMMENT ON COLUMN sqp.search_query_market.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.search_query_market.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.search_query_market.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.search_query_market.search_query IS 'Query text as delivered; where spellings share the key, the latest delivered one.';
COMMENT ON COLUMN sqp.search_query_market.search_query_key IS 'Query text, NFKC, case-folded, white space collapsed and trimmed.';
COMMENT ON COLUMN sqp.search_query_market.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.search_query_market.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.search_query_market.total_cart_add_rate IS 'Market cart adds ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_market.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.search_query_market.total_click_rate IS 'Market clicks ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_market.total_median_cart_add_price_amount IS 'Median price of cart adds, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_market.total_median_cart_add_price_currency_code IS 'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_market.total_median_click_price_amount IS 'Median price of clicks, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_market.total_median_click_price_currency_code IS 'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_market.total_median_purchase_price_amount IS 'Median price of purchases, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_market.total_median_purchase_price_currency_code IS 'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_market.total_one_day_shipping_cart_add_count IS 'Market cart adds with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_one_day_shipping_click_count IS 'Market clicks with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_one_day_shipping_purchase_count IS 'Market purchases with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.search_query_market.total_purchase_rate IS 'Market purchases ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_market.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON COLUMN sqp.search_query_market.total_same_day_shipping_cart_add_count IS 'Market cart adds with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_same_day_shipping_click_count IS 'Market clicks with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_same_day_shipping_purchase_count IS 'Market purchases with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_two_day_shipping_cart_add_count IS 'Market cart adds with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_two_day_shipping_click_count IS 'Market clicks with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.total_two_day_shipping_purchase_count IS 'Market purchases with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_market.totals_disagree IS 'Rows of the query delivered different totals or volumes; the latest delivery won.';
COMMENT ON TABLE sqp.search_query_performance IS 'An own ASIN on a query in a report period. The total_ columns and search_query_volume repeat on every ASIN of a query: never sum them here, sum sqp.search_query_market.';
COMMENT ON COLUMN sqp.search_query_performance.asin IS 'Own (child) ASIN.';
COMMENT ON COLUMN sqp.search_query_performance.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.search_query_performance.asin_cart_add_share IS 'Fraction 0–1 of the market''s cart adds.';
COMMENT ON COLUMN sqp.search_query_performance.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.search_query_performance.asin_click_share IS 'Fraction 0–1 of the market''s clicks.';
COMMENT ON COLUMN sqp.search_query_performance.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.search_query_performance.asin_impression_share IS 'Fraction 0–1 of the market''s impressions.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_cart_add_price_amount IS 'Median price of cart adds, own ASIN, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_cart_add_price_currency_code IS 'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_click_price_amount IS 'Median price of clicks, own ASIN, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_click_price_currency_code IS 'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_purchase_price_amount IS 'Median price of purchases, own ASIN, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.asin_median_purchase_price_currency_code IS 'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.search_query_performance.asin_purchase_share IS 'Fraction 0–1 of the market''s purchases.';
COMMENT ON COLUMN sqp.search_query_performance.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.search_query_performance.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.search_query_performance.parent_asin IS 'NULL where none was delivered.';
COMMENT ON COLUMN sqp.search_query_performance.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.search_query_performance.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.search_query_performance.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.search_query_performance.search_query IS 'Query text as delivered; where spellings share the key, the latest delivered one.';
COMMENT ON COLUMN sqp.search_query_performance.search_query_key IS 'Query text, NFKC, case-folded, white space collapsed and trimmed.';
COMMENT ON COLUMN sqp.search_query_performance.search_query_score IS 'Rank of the query for the ASIN, 1 is best; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.search_query_performance.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.search_query_performance.total_cart_add_rate IS 'Market cart adds ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_performance.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.search_query_performance.total_click_rate IS 'Market clicks ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_cart_add_price_amount IS 'Median price of cart adds, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_cart_add_price_currency_code IS 'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_click_price_amount IS 'Median price of clicks, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_click_price_currency_code IS 'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_purchase_price_amount IS 'Median price of purchases, whole market, in its currency, rounded to 0.01; NULL where nothing happened; never summed or averaged.';
COMMENT ON COLUMN sqp.search_query_performance.total_median_purchase_price_currency_code IS 'ISO 4217; NULL where not delivered.';
COMMENT ON COLUMN sqp.search_query_performance.total_one_day_shipping_cart_add_count IS 'Market cart adds with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_one_day_shipping_click_count IS 'Market clicks with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_one_day_shipping_purchase_count IS 'Market purchases with a one-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.search_query_performance.total_purchase_rate IS 'Market purchases ÷ search_query_volume, in the unit it was delivered in; not comparable with a click-through or conversion rate.';
COMMENT ON COLUMN sqp.search_query_performance.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON COLUMN sqp.search_query_performance.total_same_day_shipping_cart_add_count IS 'Market cart adds with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_same_day_shipping_click_count IS 'Market clicks with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_same_day_shipping_purchase_count IS 'Market purchases with a same-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_two_day_shipping_cart_add_count IS 'Market cart adds with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_two_day_shipping_click_count IS 'Market clicks with a two-day delivery promise.';
COMMENT ON COLUMN sqp.search_query_performance.total_two_day_shipping_purchase_count IS 'Market purchases with a two-day delivery promise.';
COMMENT ON MATERIALIZED VIEW sqp.weekly_summary IS 'Client × marketplace × week (Sunday to Saturday), from WEEK reports only, over all queries reported. Counts are events, shares and rates fractions recomputed from sums.';
COMMENT ON COLUMN sqp.weekly_summary.n_totals_disagree IS 'Queries whose rows delivered different totals; the latest delivery was taken.';
