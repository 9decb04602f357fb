-- The schema that the migrations in sql/ add up to. Nothing applies this file: it is written by
-- `python -m infra.migrations snapshot`, and a test compares it with a database that was migrated.

CREATE SCHEMA refresh;
CREATE SCHEMA refresh_shadow;
CREATE SCHEMA refresh_staging;
CREATE SCHEMA refresh_undo;
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

CREATE TABLE refresh.refresh_backfill (
    backfill_id uuid NOT NULL DEFAULT gen_random_uuid(),
    table_schema text NOT NULL,
    table_name text NOT NULL,
    scope_from date NOT NULL,
    scope_to date NOT NULL,
    visible text NOT NULL,
    requested_by text NOT NULL,
    status text NOT NULL DEFAULT 'running'::text,
    reason text,
    error text,
    run_id uuid NOT NULL,
    snapshot_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    planned_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT refresh_backfill_pkey PRIMARY KEY (backfill_id),
    CONSTRAINT refresh_backfill_run_id_fkey FOREIGN KEY (run_id) REFERENCES refresh.refresh_run(run_id),
    CONSTRAINT refresh_backfill_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name),
    CONSTRAINT refresh_backfill_check CHECK ((scope_from <= scope_to)),
    CONSTRAINT refresh_backfill_check1 CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT refresh_backfill_status_check CHECK ((status = ANY (ARRAY['running'::text, 'success'::text, 'no_new_data'::text, 'warning'::text, 'held'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT refresh_backfill_visible_check CHECK ((visible = ANY (ARRAY['slice'::text, 'end'::text])))
);

CREATE TABLE refresh.refresh_backfill_batch (
    backfill_id uuid NOT NULL,
    batch_no integer NOT NULL,
    scope_from date NOT NULL,
    scope_to date NOT NULL,
    scopes integer NOT NULL,
    rows bigint NOT NULL,
    run_id uuid,
    CONSTRAINT refresh_backfill_batch_pkey PRIMARY KEY (backfill_id, batch_no),
    CONSTRAINT refresh_backfill_batch_backfill_id_fkey FOREIGN KEY (backfill_id) REFERENCES refresh.refresh_backfill(backfill_id) ON DELETE CASCADE,
    CONSTRAINT refresh_backfill_batch_run_id_fkey FOREIGN KEY (run_id) REFERENCES refresh.refresh_run(run_id)
);

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

CREATE TABLE refresh.refresh_cost_month (
    month date NOT NULL,
    covered_until date NOT NULL,
    figures jsonb NOT NULL,
    CONSTRAINT refresh_cost_month_pkey PRIMARY KEY (month),
    CONSTRAINT refresh_cost_month_month_check CHECK ((EXTRACT(day FROM month) = (1)::numeric))
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
    durations integer NOT NULL,
    p50_ms integer,
    p95_ms integer,
    quantiles_ms integer[] NOT NULL,
    by_status_not_live jsonb NOT NULL DEFAULT '{}'::jsonb,
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

CREATE TABLE refresh.refresh_diff (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    scope text,
    action text NOT NULL,
    slice_no integer,
    rows bigint NOT NULL,
    rows_published bigint NOT NULL,
    rows_inserted bigint,
    rows_updated bigint,
    rows_deleted bigint,
    columns jsonb NOT NULL DEFAULT '{}'::jsonb,
    samples jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT refresh_diff_run_id_table_schema_table_name_scope_key UNIQUE NULLS NOT DISTINCT (run_id, table_schema, table_name, scope),
    CONSTRAINT refresh_diff_run_id_table_schema_table_name_fkey FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task(run_id, table_schema, table_name) ON DELETE CASCADE,
    CONSTRAINT refresh_diff_action_check CHECK ((action = ANY (ARRAY['changed'::text, 'vanished'::text, 'held'::text, 'superseded'::text])))
);

CREATE TABLE refresh.refresh_heartbeat (
    name text NOT NULL,
    beaten_at timestamp with time zone NOT NULL,
    CONSTRAINT refresh_heartbeat_pkey PRIMARY KEY (name),
    CONSTRAINT refresh_heartbeat_name_check CHECK ((name = ANY (ARRAY['sweep'::text, 'cleanup'::text])))
);

CREATE TABLE refresh.refresh_input_version (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    version bigint NOT NULL DEFAULT 1,
    changed_by_transaction xid8 NOT NULL,
    changed_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT refresh_input_version_pkey PRIMARY KEY (table_schema, table_name)
);

CREATE TABLE refresh.refresh_job_cost (
    job_id text NOT NULL,
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    step text NOT NULL,
    bytes_reserved bigint NOT NULL DEFAULT 0,
    bytes_billed bigint,
    usd numeric,
    started_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    settled_at timestamp with time zone,
    CONSTRAINT refresh_job_cost_pkey PRIMARY KEY (job_id),
    CONSTRAINT refresh_job_cost_run_id_table_schema_table_name_fkey FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task(run_id, table_schema, table_name) ON DELETE CASCADE,
    CONSTRAINT refresh_job_cost_bytes_billed_check CHECK ((bytes_billed >= 0)),
    CONSTRAINT refresh_job_cost_bytes_reserved_check CHECK ((bytes_reserved >= 0)),
    CONSTRAINT refresh_job_cost_check CHECK (((bytes_billed IS NULL) = (settled_at IS NULL)))
);

CREATE TABLE refresh.refresh_last_task (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    mode text NOT NULL,
    status text NOT NULL,
    reason text,
    error text,
    finished_at timestamp with time zone NOT NULL,
    held_checks jsonb,
    held_scopes bigint NOT NULL,
    CONSTRAINT refresh_last_task_pkey PRIMARY KEY (run_id, table_schema, table_name),
    CONSTRAINT refresh_last_task_run_id_table_schema_table_name_fkey FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task(run_id, table_schema, table_name) ON DELETE CASCADE
);

CREATE TABLE refresh.refresh_named_sql (
    name text NOT NULL,
    sql text NOT NULL,
    description text NOT NULL DEFAULT ''::text,
    changed_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT refresh_named_sql_pkey PRIMARY KEY (name),
    CONSTRAINT refresh_named_sql_name_check CHECK ((name ~ '^[a-z][a-z0-9_]{0,62}$'::text)),
    CONSTRAINT refresh_named_sql_sql_check CHECK (((sql ~ '\S'::text) AND (octet_length(sql) <= 200000)))
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
    refused jsonb NOT NULL DEFAULT '{}'::jsonb,
    refused_at timestamp with time zone,
    refused_why jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT refresh_partition_state_table_schema_table_name_scope_key UNIQUE NULLS NOT DISTINCT (table_schema, table_name, scope),
    CONSTRAINT refresh_partition_state_run_id_fkey FOREIGN KEY (run_id) REFERENCES refresh.refresh_run(run_id),
    CONSTRAINT refresh_partition_state_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name) ON DELETE CASCADE,
    CONSTRAINT refresh_partition_state_refused_check CHECK ((jsonb_typeof(refused) = 'object'::text)),
    CONSTRAINT refresh_partition_state_refused_why_check CHECK ((jsonb_typeof(refused_why) = 'object'::text))
);

CREATE TABLE refresh.refresh_publish (
    publish_id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    published_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    was_empty boolean NOT NULL,
    rows_inserted bigint NOT NULL,
    rows_updated bigint NOT NULL,
    rows_deleted bigint NOT NULL,
    key_columns text[] NOT NULL,
    undo_table text,
    undo_bytes bigint NOT NULL DEFAULT 0,
    last_refreshed_before timestamp with time zone,
    scanned_snapshot_before timestamp with time zone,
    expired_at timestamp with time zone,
    rolled_back_at timestamp with time zone,
    rolled_back_by text,
    rollback_reason text,
    CONSTRAINT refresh_publish_run_id_table_schema_table_name_key UNIQUE (run_id, table_schema, table_name),
    CONSTRAINT refresh_publish_undo_table_key UNIQUE (undo_table),
    CONSTRAINT refresh_publish_pkey PRIMARY KEY (publish_id),
    CONSTRAINT refresh_publish_run_id_table_schema_table_name_fkey FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task(run_id, table_schema, table_name) ON DELETE CASCADE,
    CONSTRAINT refresh_publish_check CHECK (((undo_table IS NULL) OR ((expired_at IS NULL) AND (rolled_back_at IS NULL)))),
    CONSTRAINT refresh_publish_check1 CHECK (((expired_at IS NULL) OR (rolled_back_at IS NULL)))
);

CREATE TABLE refresh.refresh_publish_scope (
    publish_id bigint NOT NULL,
    scope text,
    fingerprint text,
    was_published boolean NOT NULL,
    fingerprint_before text,
    definition_hash_before text,
    rows_before bigint,
    rows_quarantined_before bigint,
    run_id_before uuid,
    published_at_before timestamp with time zone,
    CONSTRAINT refresh_publish_scope_publish_id_scope_key UNIQUE NULLS NOT DISTINCT (publish_id, scope),
    CONSTRAINT refresh_publish_scope_publish_id_fkey FOREIGN KEY (publish_id) REFERENCES refresh.refresh_publish(publish_id) ON DELETE CASCADE
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
    scope text,
    resolved_at timestamp with time zone,
    resolved_by uuid,
    CONSTRAINT refresh_quarantine_pkey PRIMARY KEY (quarantine_id),
    CONSTRAINT resolved_by_a_run CHECK (((resolved_at IS NULL) = (resolved_by IS NULL)))
);

CREATE TABLE refresh.refresh_refusal (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    refused_by text NOT NULL,
    reason text NOT NULL,
    scopes integer NOT NULL,
    refused_at timestamp with time zone NOT NULL DEFAULT now(),
    CONSTRAINT refresh_refusal_pkey PRIMARY KEY (run_id, table_schema, table_name),
    CONSTRAINT refresh_refusal_run_id_table_schema_table_name_fkey FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task(run_id, table_schema, table_name),
    CONSTRAINT refresh_refusal_reason_check CHECK ((reason <> ''::text))
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
    traceparent text DEFAULT NULLIF(current_setting('refresh.traceparent'::text, true), ''::text),
    CONSTRAINT refresh_run_idempotency_key_key UNIQUE (idempotency_key),
    CONSTRAINT refresh_run_pkey PRIMARY KEY (run_id),
    CONSTRAINT refresh_run_replay_of_fkey FOREIGN KEY (replay_of) REFERENCES refresh.refresh_run(run_id),
    CONSTRAINT refresh_run_check CHECK (((planned_at IS NULL) = (snapshot_at IS NULL))),
    CONSTRAINT refresh_run_check1 CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT refresh_run_request_check CHECK ((jsonb_typeof(request) = 'object'::text)),
    CONSTRAINT refresh_run_status_check CHECK ((status = ANY (ARRAY['running'::text, 'success'::text, 'warning'::text, 'failed'::text]))),
    CONSTRAINT refresh_run_trigger_check CHECK ((trigger = ANY (ARRAY['schedule'::text, 'manual'::text, 'replay'::text])))
);

CREATE TABLE refresh.refresh_shadow (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    shadow_name text NOT NULL,
    shape text NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    columns text[],
    key_columns text[],
    scope_column text,
    scope_bucket text,
    held_scopes text[] NOT NULL DEFAULT '{}'::text[],
    last_refreshed_at timestamp with time zone,
    last_data_period text,
    data_version bigint NOT NULL DEFAULT 0,
    scanned_snapshot_at timestamp with time zone,
    scanned_from text,
    promoted_by_transaction xid8,
    CONSTRAINT refresh_shadow_shadow_name_key UNIQUE (shadow_name),
    CONSTRAINT refresh_shadow_pkey PRIMARY KEY (table_schema, table_name),
    CONSTRAINT refresh_shadow_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name) ON DELETE CASCADE
);

CREATE TABLE refresh.refresh_shadow_report (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    day date NOT NULL,
    run_id uuid NOT NULL,
    compared_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    definition_hash text NOT NULL,
    rows_shadow bigint NOT NULL,
    rows_live bigint NOT NULL,
    missing bigint NOT NULL,
    extra bigint NOT NULL,
    differing bigint NOT NULL,
    scopes_held bigint NOT NULL,
    columns jsonb NOT NULL,
    scopes jsonb NOT NULL,
    samples jsonb NOT NULL,
    clean boolean GENERATED STORED ((missing = 0) AND (extra = 0) AND (differing = 0) AND (scopes_held = 0)),
    CONSTRAINT refresh_shadow_report_pkey PRIMARY KEY (table_schema, table_name, day),
    CONSTRAINT refresh_shadow_report_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name) ON DELETE CASCADE
);

CREATE TABLE refresh.refresh_shadow_state (
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
    refused jsonb NOT NULL DEFAULT '{}'::jsonb,
    refused_at timestamp with time zone,
    refused_why jsonb NOT NULL DEFAULT '{}'::jsonb,
    CONSTRAINT refresh_shadow_state_table_schema_table_name_scope_key UNIQUE NULLS NOT DISTINCT (table_schema, table_name, scope),
    CONSTRAINT refresh_shadow_state_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_shadow(table_schema, table_name) ON DELETE CASCADE,
    CONSTRAINT refresh_partition_state_refused_check CHECK ((jsonb_typeof(refused) = 'object'::text)),
    CONSTRAINT refresh_partition_state_refused_why_check CHECK ((jsonb_typeof(refused_why) = 'object'::text))
);

CREATE TABLE refresh.refresh_source_schema (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    source text NOT NULL,
    columns jsonb NOT NULL,
    snapshot_at timestamp with time zone NOT NULL,
    run_id uuid NOT NULL,
    seen_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT refresh_source_schema_pkey PRIMARY KEY (table_schema, table_name),
    CONSTRAINT refresh_source_schema_run_id_fkey FOREIGN KEY (run_id) REFERENCES refresh.refresh_run(run_id),
    CONSTRAINT refresh_source_schema_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name) ON DELETE CASCADE,
    CONSTRAINT refresh_source_schema_columns_check CHECK ((jsonb_typeof(columns) = 'array'::text))
);

CREATE TABLE refresh.refresh_stale_told (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    since timestamp with time zone NOT NULL,
    told_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT refresh_stale_told_pkey PRIMARY KEY (table_schema, table_name),
    CONSTRAINT refresh_stale_told_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name) ON DELETE CASCADE
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
    rollback_publishes integer NOT NULL DEFAULT 7,
    drift_policies jsonb NOT NULL DEFAULT '{}'::jsonb,
    max_bytes_billed_per_day bigint,
    shadow_clean_days integer NOT NULL DEFAULT 14,
    shadow_tolerances jsonb NOT NULL DEFAULT '{}'::jsonb,
    publish_group text,
    CONSTRAINT refresh_table_registry_pkey PRIMARY KEY (table_schema, table_name),
    CONSTRAINT refresh_table_registry_check CHECK (((source IS NOT NULL) OR (handler = 'summaries'::text))),
    CONSTRAINT refresh_table_registry_check1 CHECK (((strategy <> 'append'::text) OR (cardinality(key_columns) > 0) OR (handler = ANY (ARRAY['asin'::text, 'search_queries'::text])))),
    CONSTRAINT refresh_table_registry_check2 CHECK (((scope_bucket IS NULL) OR (scope_column IS NOT NULL))),
    CONSTRAINT refresh_table_registry_check3 CHECK (((lookback IS NULL) OR (scope_column IS NOT NULL) OR (handler = ANY (ARRAY['asin'::text, 'search_queries'::text])))),
    CONSTRAINT refresh_table_registry_checks_check CHECK ((jsonb_typeof(checks) = 'object'::text)),
    CONSTRAINT refresh_table_registry_column_map_check CHECK ((jsonb_typeof(column_map) = 'object'::text)),
    CONSTRAINT refresh_table_registry_drift_policies_check CHECK ((jsonb_typeof(drift_policies) = 'object'::text)),
    CONSTRAINT refresh_table_registry_frequency_hours_check CHECK (((frequency_hours >= 1) AND (frequency_hours <= 168))),
    CONSTRAINT refresh_table_registry_handler_check CHECK ((handler = ANY (ARRAY['asin'::text, 'search_queries'::text, 'summaries'::text, 'generic'::text]))),
    CONSTRAINT refresh_table_registry_key_columns_check CHECK ((array_position(key_columns, NULL::text) IS NULL)),
    CONSTRAINT refresh_table_registry_lookback_check CHECK ((lookback > 0)),
    CONSTRAINT refresh_table_registry_max_bytes_billed_check CHECK ((max_bytes_billed > 0)),
    CONSTRAINT refresh_table_registry_max_bytes_billed_per_day_check CHECK ((max_bytes_billed_per_day > 0)),
    CONSTRAINT refresh_table_registry_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'shadow'::text, 'dry_run'::text, 'disabled'::text]))),
    CONSTRAINT refresh_table_registry_nul_policies_check CHECK ((jsonb_typeof(nul_policies) = 'object'::text)),
    CONSTRAINT refresh_table_registry_parallelism_check CHECK (((parallelism >= 1) AND (parallelism <= 32))),
    CONSTRAINT refresh_table_registry_priority_check CHECK (((priority >= 0) AND (priority <= 1000))),
    CONSTRAINT refresh_table_registry_publish_group_check CHECK ((publish_group ~ '^[a-z][a-z0-9_]{0,62}$'::text)),
    CONSTRAINT refresh_table_registry_rollback_publishes_check CHECK (((rollback_publishes >= 0) AND (rollback_publishes <= 1000))),
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
    mode text NOT NULL DEFAULT 'live'::text,
    publish_group text,
    staged_at timestamp with time zone,
    CONSTRAINT refresh_task_pkey PRIMARY KEY (run_id, table_schema, table_name),
    CONSTRAINT refresh_task_run_id_fkey FOREIGN KEY (run_id) REFERENCES refresh.refresh_run(run_id),
    CONSTRAINT refresh_task_table_schema_table_name_fkey FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry(table_schema, table_name),
    CONSTRAINT refresh_task_check CHECK (((slices_open >= 0) AND (slices_open <= slices_total))),
    CONSTRAINT refresh_task_check1 CHECK (((lease_until IS NULL) OR (status = 'running'::text))),
    CONSTRAINT refresh_task_check2 CHECK (((status = ANY (ARRAY['queued'::text, 'running'::text])) = (finished_at IS NULL))),
    CONSTRAINT refresh_task_check3 CHECK (((status <> ALL (ARRAY['held'::text, 'failed'::text, 'skipped'::text])) OR (reason IS NOT NULL))),
    CONSTRAINT refresh_task_mode_check CHECK ((mode = ANY (ARRAY['live'::text, 'shadow'::text, 'dry_run'::text, 'plan'::text, 'verify'::text]))),
    CONSTRAINT refresh_task_phase_check CHECK ((phase = ANY (ARRAY['planning'::text, 'loading'::text, 'staged'::text, 'publishing'::text]))),
    CONSTRAINT refresh_task_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'success'::text, 'no_new_data'::text, 'warning'::text, 'held'::text, 'failed'::text, 'skipped'::text]))),
    CONSTRAINT rows_are_conserved CHECK (((status <> ALL (ARRAY['success'::text, 'warning'::text])) OR ((rows_read = (((rows_staged + rows_quarantined) + rows_superseded) + rows_merged)) AND (rows_staged = ((rows_inserted + rows_updated) + rows_unchanged)))))
);

CREATE TABLE refresh.refresh_task_definition (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    definition json NOT NULL,
    CONSTRAINT refresh_task_definition_pkey PRIMARY KEY (run_id, table_schema, table_name),
    CONSTRAINT refresh_task_definition_run_id_table_schema_table_name_fkey FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task(run_id, table_schema, table_name) ON DELETE CASCADE
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
    published_rows bigint NOT NULL DEFAULT 0,
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
    traceparent text DEFAULT NULLIF(current_setting('refresh.traceparent'::text, true), ''::text),
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

CREATE TABLE sqp.stale_alert (
    client_id text NOT NULL,
    marketplace_id text NOT NULL,
    report_period text NOT NULL,
    period_start date NOT NULL,
    alerted_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT stale_alert_pkey PRIMARY KEY (client_id, marketplace_id, report_period, period_start)
);

CREATE TABLE refresh.refresh_audit_log_rest PARTITION OF refresh.refresh_audit_log DEFAULT;

CREATE VIEW sqp.asin_brand_import (
    client_id text,
    marketplace_id text,
    asin text,
    brand text
) AS
     SELECT client_id, marketplace_id, asin::text AS asin, brand FROM asin_brand_map map JOIN brands brands USING client_id, brand_id WHERE origin = 'manual'::text;

CREATE MATERIALIZED VIEW sqp.asin_period_summary (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    period_end date,
    asin character varying(10),
    parent_asin character varying(10),
    title text,
    brand text,
    n_queries bigint,
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
     SELECT client_id, marketplace_id, report_period, period_start, period_end, asin, parent_asin, title, COALESCEbrand, 'unmapped'::text AS brand, n_queries, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, impression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate FROM SELECT client_id, marketplace_id, report_period, period_start, asin, maxperiod_end AS period_end, count* AS n_queries, sumasin_impression_count::bigint AS asin_impression_count, sumasin_click_count::bigint AS asin_click_count, sumasin_cart_add_count::bigint AS asin_cart_add_count, sumasin_purchase_count::bigint AS asin_purchase_count, sumsearch_query_volume::bigint AS search_query_volume, sumtotal_query_impression_count::bigint AS total_query_impression_count, sumtotal_click_count::bigint AS total_click_count, sumtotal_cart_add_count::bigint AS total_cart_add_count, sumtotal_purchase_count::bigint AS total_purchase_count FROM search_query_performance performance LEFT JOIN search_query_market market USING client_id, marketplace_id, report_period, period_start, search_query_key GROUP BY client_id, marketplace_id, report_period, period_start, asin own LEFT JOIN SELECT client_id, marketplace_id, report_period, period_start, asin, parent_asin, title FROM asin_performance_data described USING client_id, marketplace_id, report_period, period_start, asin LEFT JOIN brand_of_asin USING client_id, marketplace_id, asin CROSS JOIN LATERAL ratiosasin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count ratioimpression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate;

CREATE VIEW sqp.brand_dashboard_freshness (
    client_id text,
    marketplace_id text,
    report_period text,
    last_period_start date,
    last_period_end date,
    data_age_days integer,
    next_period_end date,
    next_expected_on date,
    data_status text,
    n_missing_periods bigint,
    missing_periods date[],
    job_last_success_at timestamp with time zone,
    job_last_status text,
    job_status text,
    summaries_refreshed_at timestamp with time zone
) AS
     SELECT client_id, marketplace_id, report_period, last_period_start, last_period_end, data_age_days, next_period_end, next_expected_on, data_status, n_missing_periods, missing_periods, job_last_success_at, job_last_status, job_status, summaries_refreshed_at FROM freshnessnow freshnessclient_id, marketplace_id, report_period, last_period_start, last_period_end, data_age_days, next_period_end, next_expected_on, data_status, n_missing_periods, missing_periods, job_last_success_at, job_last_status, job_status, summaries_refreshed_at;

CREATE VIEW sqp.brand_dashboard_kpis (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    period_end date,
    brand text,
    n_queries bigint,
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
    market_cart_to_purchase_rate numeric,
    is_latest boolean,
    previous_period_start date,
    asin_impression_count_change numeric,
    asin_click_count_change numeric,
    asin_cart_add_count_change numeric,
    asin_purchase_count_change numeric,
    search_query_volume_change numeric,
    total_query_impression_count_change numeric,
    total_click_count_change numeric,
    total_cart_add_count_change numeric,
    total_purchase_count_change numeric,
    impression_share_gap_pp numeric,
    click_share_gap_pp numeric,
    cart_add_share_gap_pp numeric,
    purchase_share_gap_pp numeric,
    year_before_period_start date,
    asin_impression_count_year_change numeric,
    asin_click_count_year_change numeric,
    asin_cart_add_count_year_change numeric,
    asin_purchase_count_year_change numeric,
    search_query_volume_year_change numeric,
    total_query_impression_count_year_change numeric,
    total_click_count_year_change numeric,
    total_cart_add_count_year_change numeric,
    total_purchase_count_year_change numeric,
    impression_share_year_gap_pp numeric,
    click_share_year_gap_pp numeric,
    cart_add_share_year_gap_pp numeric,
    purchase_share_year_gap_pp numeric
) AS
     SELECT client_id, marketplace_id, report_period, period_start, period_end, brand, n_queries, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, impression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate, row_number OVER PARTITION BY client_id, marketplace_id, report_period, brand ORDER BY period_start DESC = 1 AS is_latest, previous_startreport_period, period_start AS previous_period_start, asin_impression_count::numeric / NULLIFasin_impression_count, 0::numeric - 1::numeric AS asin_impression_count_change, asin_click_count::numeric / NULLIFasin_click_count, 0::numeric - 1::numeric AS asin_click_count_change, asin_cart_add_count::numeric / NULLIFasin_cart_add_count, 0::numeric - 1::numeric AS asin_cart_add_count_change, asin_purchase_count::numeric / NULLIFasin_purchase_count, 0::numeric - 1::numeric AS asin_purchase_count_change, search_query_volume::numeric / NULLIFsearch_query_volume, 0::numeric - 1::numeric AS search_query_volume_change, total_query_impression_count::numeric / NULLIFtotal_query_impression_count, 0::numeric - 1::numeric AS total_query_impression_count_change, total_click_count::numeric / NULLIFtotal_click_count, 0::numeric - 1::numeric AS total_click_count_change, total_cart_add_count::numeric / NULLIFtotal_cart_add_count, 0::numeric - 1::numeric AS total_cart_add_count_change, total_purchase_count::numeric / NULLIFtotal_purchase_count, 0::numeric - 1::numeric AS total_purchase_count_change, 100::numeric * impression_share - impression_share AS impression_share_gap_pp, 100::numeric * click_share - click_share AS click_share_gap_pp, 100::numeric * cart_add_share - cart_add_share AS cart_add_share_gap_pp, 100::numeric * purchase_share - purchase_share AS purchase_share_gap_pp, year_beforereport_period, period_start AS year_before_period_start, asin_impression_count::numeric / NULLIFasin_impression_count, 0::numeric - 1::numeric AS asin_impression_count_year_change, asin_click_count::numeric / NULLIFasin_click_count, 0::numeric - 1::numeric AS asin_click_count_year_change, asin_cart_add_count::numeric / NULLIFasin_cart_add_count, 0::numeric - 1::numeric AS asin_cart_add_count_year_change, asin_purchase_count::numeric / NULLIFasin_purchase_count, 0::numeric - 1::numeric AS asin_purchase_count_year_change, search_query_volume::numeric / NULLIFsearch_query_volume, 0::numeric - 1::numeric AS search_query_volume_year_change, total_query_impression_count::numeric / NULLIFtotal_query_impression_count, 0::numeric - 1::numeric AS total_query_impression_count_year_change, total_click_count::numeric / NULLIFtotal_click_count, 0::numeric - 1::numeric AS total_click_count_year_change, total_cart_add_count::numeric / NULLIFtotal_cart_add_count, 0::numeric - 1::numeric AS total_cart_add_count_year_change, total_purchase_count::numeric / NULLIFtotal_purchase_count, 0::numeric - 1::numeric AS total_purchase_count_year_change, 100::numeric * impression_share - impression_share AS impression_share_year_gap_pp, 100::numeric * click_share - click_share AS click_share_year_gap_pp, 100::numeric * cart_add_share - cart_add_share AS cart_add_share_year_gap_pp, 100::numeric * purchase_share - purchase_share AS purchase_share_year_gap_pp FROM brand_period_summary now LEFT JOIN brand_period_summary before ON client_id = client_id AND marketplace_id = marketplace_id AND report_period = report_period AND brand = brand AND period_start = previous_startreport_period, period_start LEFT JOIN brand_period_summary year ON client_id = client_id AND marketplace_id = marketplace_id AND report_period = report_period AND brand = brand AND period_start = year_beforereport_period, period_start;

CREATE VIEW sqp.brand_dashboard_products (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    period_end date,
    asin character varying(10),
    parent_asin character varying(10),
    title text,
    brand text,
    n_queries bigint,
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
    market_cart_to_purchase_rate numeric,
    asin_impression_count_change numeric,
    asin_click_count_change numeric,
    asin_cart_add_count_change numeric,
    asin_purchase_count_change numeric,
    impression_share_gap_pp numeric,
    click_share_gap_pp numeric,
    cart_add_share_gap_pp numeric,
    purchase_share_gap_pp numeric
) AS
     SELECT client_id, marketplace_id, report_period, period_start, period_end, asin, parent_asin, title, brand, n_queries, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, impression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate, asin_impression_count::numeric / NULLIFasin_impression_count, 0::numeric - 1::numeric AS asin_impression_count_change, asin_click_count::numeric / NULLIFasin_click_count, 0::numeric - 1::numeric AS asin_click_count_change, asin_cart_add_count::numeric / NULLIFasin_cart_add_count, 0::numeric - 1::numeric AS asin_cart_add_count_change, asin_purchase_count::numeric / NULLIFasin_purchase_count, 0::numeric - 1::numeric AS asin_purchase_count_change, 100::numeric * impression_share - impression_share AS impression_share_gap_pp, 100::numeric * click_share - click_share AS click_share_gap_pp, 100::numeric * cart_add_share - cart_add_share AS cart_add_share_gap_pp, 100::numeric * purchase_share - purchase_share AS purchase_share_gap_pp FROM asin_period_summary now LEFT JOIN asin_period_summary before ON client_id = client_id AND marketplace_id = marketplace_id AND report_period = report_period AND asin::text = asin::text AND period_start = previous_startreport_period, period_start;

CREATE VIEW sqp.brand_dashboard_queries (
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
    market_cart_to_purchase_rate numeric,
    class text,
    click_through_rate_index numeric,
    purchase_rate_index numeric,
    click_share_gap_pp numeric,
    purchase_share_gap_pp numeric,
    lost_purchases_headroom numeric,
    lost_purchases_gap numeric,
    lost_purchases_rest numeric,
    lost_purchases_visibility numeric
) AS
     SELECT client_id, marketplace_id, report_period, period_start, period_end, brand, search_query_key, search_query, n_own_asins, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, impression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate, class_ofclient_id, marketplace_id, search_query_key AS class, click_through_rate / NULLIFmarket_click_through_rate, 0::numeric AS click_through_rate_index, purchase_rate / NULLIFmarket_purchase_rate, 0::numeric AS purchase_rate_index, 100::numeric * click_share - impression_share AS click_share_gap_pp, 100::numeric * purchase_share - click_share AS purchase_share_gap_pp, total_purchase_count - asin_purchase_count::numeric AS lost_purchases_headroom, GREATEST0::numeric, asin_click_count::numeric * market_purchase_rate - asin_purchase_count::numeric AS lost_purchases_gap, GREATEST0::numeric, asin_click_count::numeric * total_purchase_count - asin_purchase_count::numeric / NULLIFtotal_click_count - asin_click_count, 0::numeric - asin_purchase_count::numeric AS lost_purchases_rest, GREATEST0::numeric, total_purchase_count::numeric * impression_share - asin_purchase_count::numeric AS lost_purchases_visibility FROM search_performance_summary summary;

CREATE VIEW sqp.brand_dashboard_timeseries (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    period_end date,
    brand text,
    n_queries bigint,
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
     SELECT client_id, marketplace_id, report_period, period_start, period_end, brand, n_queries, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, impression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate FROM brand_period_summary;

CREATE VIEW sqp.brand_import (
    client_id text,
    brand text
) AS
     SELECT client_id, brand FROM brands;

CREATE VIEW sqp.brand_of_asin (
    client_id text,
    marketplace_id text,
    asin character varying(10),
    origin text,
    brand text
) AS
     SELECT DISTINCT ON client_id, marketplace_id, asin client_id, marketplace_id, asin, origin, brand FROM asin_brand_map map JOIN brands brands USING client_id, brand_id ORDER BY client_id, marketplace_id, asin, origin = 'manual'::text DESC;

CREATE MATERIALIZED VIEW sqp.brand_period_summary (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    period_end date,
    brand text,
    n_queries bigint,
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
     SELECT client_id, marketplace_id, report_period, period_start, period_end, brand, n_queries, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, impression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate FROM SELECT client_id, marketplace_id, report_period, period_start, brand, maxperiod_end AS period_end, count* AS n_queries, sumasin_impression_count::bigint AS asin_impression_count, sumasin_click_count::bigint AS asin_click_count, sumasin_cart_add_count::bigint AS asin_cart_add_count, sumasin_purchase_count::bigint AS asin_purchase_count, sumsearch_query_volume::bigint AS search_query_volume, sumtotal_query_impression_count::bigint AS total_query_impression_count, sumtotal_click_count::bigint AS total_click_count, sumtotal_cart_add_count::bigint AS total_cart_add_count, sumtotal_purchase_count::bigint AS total_purchase_count FROM search_performance_summary GROUP BY client_id, marketplace_id, report_period, period_start, brand brand CROSS JOIN LATERAL ratiosasin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count ratioimpression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate;

CREATE VIEW sqp.brand_term_import (
    client_id text,
    brand text,
    term text
) AS
     SELECT client_id, brand, term FROM brand_terms terms JOIN brands brands USING client_id, brand_id;

CREATE MATERIALIZED VIEW sqp.cannibalisation_summary (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    period_end date,
    search_query_key text,
    n_own_asins bigint,
    asin_impression_count bigint,
    asin_click_count bigint,
    asin_cart_add_count bigint,
    asin_purchase_count bigint,
    impression_hhi numeric,
    top_asin character varying,
    top_asin_impression_share numeric
) AS
     SELECT client_id, marketplace_id, report_period, period_start, period_end, search_query_key, n_own_asins, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, asin_impression_square / NULLIFasin_impression_count::numeric * asin_impression_count::numeric, 0::numeric AS impression_hhi, top_asin, top_asin_impression_count::numeric / NULLIFasin_impression_count, 0::numeric AS top_asin_impression_share FROM SELECT client_id, marketplace_id, report_period, period_start, search_query_key, maxperiod_end AS period_end, count* FILTER WHERE asin_impression_count > 0 AS n_own_asins, sumasin_impression_count::bigint AS asin_impression_count, sumasin_click_count::bigint AS asin_click_count, sumasin_cart_add_count::bigint AS asin_cart_add_count, sumasin_purchase_count::bigint AS asin_purchase_count, sumasin_impression_count::numeric * asin_impression_count::numeric AS asin_impression_square, array_aggasin ORDER BY asin_impression_count DESC NULLS LAST, asin COLLATE "C"[1] AS top_asin, maxasin_impression_count AS top_asin_impression_count FROM search_query_performance GROUP BY client_id, marketplace_id, report_period, period_start, search_query_key HAVING count* FILTER WHERE asin_impression_count > 0 >= 2 shared;

CREATE MATERIALIZED VIEW sqp.monthly_summary (
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
     SELECT client_id, marketplace_id, period_start, period_end, n_queries, n_own_asins, n_totals_disagree, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, impression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate FROM period_totals CROSS JOIN LATERAL ratiosasin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count ratioimpression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate WHERE report_period = 'MONTH'::text;

CREATE VIEW sqp.parent_period_summary (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    period_end date,
    parent_asin character varying(10),
    n_own_asins bigint,
    n_queries bigint,
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
     SELECT client_id, marketplace_id, report_period, period_start, period_end, parent_asin, n_own_asins, n_queries, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, impression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate FROM SELECT client_id, marketplace_id, report_period, period_start, parent_asin, maxperiod_end AS period_end, maxn_asins AS n_own_asins, count* AS n_queries, sumasin_impression_count::bigint AS asin_impression_count, sumasin_click_count::bigint AS asin_click_count, sumasin_cart_add_count::bigint AS asin_cart_add_count, sumasin_purchase_count::bigint AS asin_purchase_count, sumsearch_query_volume::bigint AS search_query_volume, sumtotal_query_impression_count::bigint AS total_query_impression_count, sumtotal_click_count::bigint AS total_click_count, sumtotal_cart_add_count::bigint AS total_cart_add_count, sumtotal_purchase_count::bigint AS total_purchase_count FROM SELECT client_id, marketplace_id, report_period, period_start, COALESCEparent_asin, asin AS parent_asin, search_query_key, count* AS n_asins, sumasin_impression_count::bigint AS asin_impression_count, sumasin_click_count::bigint AS asin_click_count, sumasin_cart_add_count::bigint AS asin_cart_add_count, sumasin_purchase_count::bigint AS asin_purchase_count FROM search_query_performance GROUP BY client_id, marketplace_id, report_period, period_start, COALESCEparent_asin, asin, search_query_key own LEFT JOIN search_query_market market USING client_id, marketplace_id, report_period, period_start, search_query_key GROUP BY client_id, marketplace_id, report_period, period_start, parent_asin family CROSS JOIN LATERAL ratiosasin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count ratioimpression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate;

CREATE VIEW sqp.period_totals (
    client_id text,
    marketplace_id text,
    report_period text,
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
    total_purchase_count bigint
) AS
     SELECT client_id, marketplace_id, report_period, period_start, COALESCEperiod_end, period_end AS period_end, n_queries, n_own_asins, n_totals_disagree, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count FROM SELECT client_id, marketplace_id, report_period, period_start, maxperiod_end AS period_end, count* AS n_queries, count* FILTER WHERE totals_disagree AS n_totals_disagree, sumsearch_query_volume::bigint AS search_query_volume, sumtotal_query_impression_count::bigint AS total_query_impression_count, sumtotal_click_count::bigint AS total_click_count, sumtotal_cart_add_count::bigint AS total_cart_add_count, sumtotal_purchase_count::bigint AS total_purchase_count FROM search_query_market GROUP BY client_id, marketplace_id, report_period, period_start market FULL JOIN SELECT client_id, marketplace_id, report_period, period_start, maxperiod_end AS period_end, countDISTINCT asin AS n_own_asins, sumasin_impression_count::bigint AS asin_impression_count, sumasin_click_count::bigint AS asin_click_count, sumasin_cart_add_count::bigint AS asin_cart_add_count, sumasin_purchase_count::bigint AS asin_purchase_count FROM search_query_performance GROUP BY client_id, marketplace_id, report_period, period_start own USING client_id, marketplace_id, report_period, period_start;

CREATE VIEW sqp.published_reports (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    period_end date
) AS
     WITH RECURSIVE reportclient_id, marketplace_id, report_period, period_start, period_end AS SELECT client_id, marketplace_id, report_period, period_start, period_end FROM search_query_market ORDER BY client_id, marketplace_id, report_period, period_start LIMIT 1 UNION ALL SELECT client_id, marketplace_id, report_period, period_start, period_end FROM report report_1 CROSS JOIN LATERAL SELECT client_id, marketplace_id, report_period, period_start, period_end FROM search_query_market market WHERE ROWclient_id, marketplace_id, report_period, period_start > ROWreport_1.client_id, report_1.marketplace_id, report_1.report_period, report_1.period_start ORDER BY client_id, marketplace_id, report_period, period_start LIMIT 1 next SELECT client_id, marketplace_id, report_period, period_start, period_end FROM report;

CREATE VIEW sqp.quality_warnings (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    n_own_exceeds_total bigint,
    n_share_differs bigint
) AS
     SELECT client_id, marketplace_id, report_period, period_start, count* FILTER WHERE asin_impression_count > total_query_impression_count OR asin_click_count > total_click_count OR asin_cart_add_count > total_cart_add_count OR asin_purchase_count > total_purchase_count AS n_own_exceeds_total, count* FILTER WHERE absasin_impression_share - asin_impression_count::numeric / NULLIFtotal_query_impression_count, 0::numeric > 0.0002 OR absasin_click_share - asin_click_count::numeric / NULLIFtotal_click_count, 0::numeric > 0.0002 OR absasin_cart_add_share - asin_cart_add_count::numeric / NULLIFtotal_cart_add_count, 0::numeric > 0.0002 OR absasin_purchase_share - asin_purchase_count::numeric / NULLIFtotal_purchase_count, 0::numeric > 0.0002 AS n_share_differs FROM search_query_performance GROUP BY client_id, marketplace_id, report_period, period_start;

CREATE MATERIALIZED VIEW sqp.quarterly_summary (
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
     SELECT client_id, marketplace_id, period_start, period_end, n_queries, n_own_asins, n_totals_disagree, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, impression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate FROM period_totals CROSS JOIN LATERAL ratiosasin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count ratioimpression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate WHERE report_period = 'QUARTER'::text;

CREATE VIEW sqp.query_class_import (
    client_id text,
    marketplace_id text,
    search_query text,
    class text
) AS
     SELECT client_id, marketplace_id, search_query_key AS search_query, class FROM query_class;

CREATE MATERIALIZED VIEW sqp.query_class_summary (
    client_id text,
    marketplace_id text,
    report_period text,
    period_start date,
    period_end date,
    class text,
    n_queries bigint,
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
     SELECT client_id, marketplace_id, report_period, period_start, period_end, class, n_queries, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count, impression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate FROM SELECT client_id, marketplace_id, report_period, period_start, class, maxperiod_end AS period_end, count* AS n_queries, sumasin_impression_count::bigint AS asin_impression_count, sumasin_click_count::bigint AS asin_click_count, sumasin_cart_add_count::bigint AS asin_cart_add_count, sumasin_purchase_count::bigint AS asin_purchase_count, sumsearch_query_volume::bigint AS search_query_volume, sumtotal_query_impression_count::bigint AS total_query_impression_count, sumtotal_click_count::bigint AS total_click_count, sumtotal_cart_add_count::bigint AS total_cart_add_count, sumtotal_purchase_count::bigint AS total_purchase_count FROM SELECT client_id, marketplace_id, report_period, period_start, search_query_key, maxperiod_end AS period_end, sumasin_impression_count::bigint AS asin_impression_count, sumasin_click_count::bigint AS asin_click_count, sumasin_cart_add_count::bigint AS asin_cart_add_count, sumasin_purchase_count::bigint AS asin_purchase_count, sumsearch_query_volume::bigint AS search_query_volume, sumtotal_query_impression_count::bigint AS total_query_impression_count, sumtotal_click_count::bigint AS total_click_count, sumtotal_cart_add_count::bigint AS total_cart_add_count, sumtotal_purchase_count::bigint AS total_purchase_count FROM SELECT client_id, marketplace_id, report_period, period_start, search_query_key, period_end, NULL::bigint AS asin_impression_count, NULL::bigint AS asin_click_count, NULL::bigint AS asin_cart_add_count, NULL::bigint AS asin_purchase_count, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count FROM search_query_market UNION ALL SELECT client_id, marketplace_id, report_period, period_start, search_query_key, period_end, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint FROM search_query_performance side GROUP BY client_id, marketplace_id, report_period, period_start, search_query_key query JOIN SELECT client_id, marketplace_id, search_query_key, class_ofclient_id, marketplace_id, search_query_key AS class FROM SELECT DISTINCT client_id, marketplace_id, search_query_key FROM search_query_market each_query classed USING client_id, marketplace_id, search_query_key GROUP BY client_id, marketplace_id, report_period, period_start, class by_class CROSS JOIN LATERAL ratiosasin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count ratioimpression_share, click_share, cart_add_share, purchase_share, click_through_rate, cart_add_rate, purchase_rate, cart_to_purchase_rate, market_click_through_rate, market_cart_add_rate, market_purchase_rate, market_cart_to_purchase_rate;

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
CREATE INDEX refresh_audit_log_by ON ONLY refresh.refresh_audit_log USING btree (COALESCE((details ->> 'by'::text), (details ->> 'requested_by'::text)), at DESC, audit_id DESC) WHERE ((details ? 'by'::text) OR (details ? 'requested_by'::text));
CREATE INDEX refresh_audit_log_event ON ONLY refresh.refresh_audit_log USING btree (event, at DESC, audit_id DESC);
CREATE INDEX refresh_audit_log_run ON ONLY refresh.refresh_audit_log USING btree (run_id);
CREATE INDEX refresh_audit_log_table ON ONLY refresh.refresh_audit_log USING btree (table_schema, table_name, at DESC);
CREATE UNIQUE INDEX refresh_backfill_running ON refresh.refresh_backfill USING btree (table_schema, table_name) WHERE (status = 'running'::text);
CREATE INDEX refresh_backfill_table ON refresh.refresh_backfill USING btree (table_schema, table_name, created_at DESC);
CREATE INDEX refresh_data_quality_checked ON refresh.refresh_data_quality USING btree (checked_at);
CREATE INDEX refresh_data_quality_failed ON refresh.refresh_data_quality USING btree (check_id DESC) WHERE (NOT passed);
CREATE INDEX refresh_data_quality_failed_of ON refresh.refresh_data_quality USING btree (run_id, table_schema, table_name) WHERE (NOT passed);
CREATE INDEX refresh_data_quality_of_metric ON refresh.refresh_data_quality USING btree (metric, check_id DESC);
CREATE INDEX refresh_data_quality_run ON refresh.refresh_data_quality USING btree (run_id);
CREATE INDEX refresh_data_quality_table ON refresh.refresh_data_quality USING btree (table_schema, table_name, checked_at DESC);
CREATE INDEX refresh_dead_letter_received ON refresh.refresh_dead_letter USING btree (received_at);
CREATE INDEX refresh_dependency_input ON refresh.refresh_dependency USING btree (depends_on_schema, depends_on_name);
CREATE INDEX refresh_job_cost_last ON refresh.refresh_job_cost USING btree (table_schema, table_name, step, settled_at DESC);
CREATE INDEX refresh_job_cost_run ON refresh.refresh_job_cost USING btree (run_id, started_at);
CREATE INDEX refresh_job_cost_started ON refresh.refresh_job_cost USING btree (started_at);
CREATE INDEX refresh_job_cost_task ON refresh.refresh_job_cost USING btree (run_id, table_schema, table_name);
CREATE INDEX refresh_last_task_of ON refresh.refresh_last_task USING btree (table_schema, table_name, mode, finished_at DESC);
CREATE INDEX refresh_outbox_owed ON refresh.refresh_outbox USING btree (outbox_id) WHERE (published_at IS NULL);
CREATE INDEX refresh_outbox_published ON refresh.refresh_outbox USING btree (published_at) WHERE (published_at IS NOT NULL);
CREATE INDEX refresh_partition_state_quarantined ON refresh.refresh_partition_state USING btree (table_schema, table_name) INCLUDE (rows_quarantined) WHERE (rows_quarantined > 0);
CREATE INDEX refresh_partition_state_refused ON refresh.refresh_partition_state USING btree (table_schema, table_name) WHERE (refused_at IS NOT NULL);
CREATE INDEX refresh_publish_table ON refresh.refresh_publish USING btree (table_schema, table_name, publish_id DESC);
CREATE INDEX refresh_quarantine_open ON refresh.refresh_quarantine USING btree (table_schema, table_name, quarantine_id) WHERE (resolved_at IS NULL);
CREATE INDEX refresh_quarantine_quarantined ON refresh.refresh_quarantine USING btree (quarantined_at);
CREATE INDEX refresh_quarantine_table ON refresh.refresh_quarantine USING btree (table_schema, table_name, quarantine_id DESC);
CREATE INDEX refresh_quarantine_task ON refresh.refresh_quarantine USING btree (run_id, table_schema, table_name, slice_no);
CREATE INDEX refresh_run_backfill ON refresh.refresh_run USING btree ((((request -> 'backfill'::text) ->> 'id'::text))) WHERE (request ? 'backfill'::text);
CREATE INDEX refresh_run_listed ON refresh.refresh_run USING btree (created_at DESC, run_id);
CREATE INDEX refresh_run_listed_as ON refresh.refresh_run USING btree (status, created_at DESC, run_id);
CREATE INDEX refresh_run_open ON refresh.refresh_run USING btree (created_at) WHERE (status = 'running'::text);
CREATE INDEX refresh_run_release ON refresh.refresh_run USING btree (((request ->> 'release_of'::text))) WHERE (request ? 'release_of'::text);
CREATE INDEX refresh_run_replay ON refresh.refresh_run USING btree (replay_of) WHERE (replay_of IS NOT NULL);
CREATE INDEX refresh_shadow_state_table_schema_table_name_idx ON refresh.refresh_shadow_state USING btree (table_schema, table_name) WHERE (refused_at IS NOT NULL);
CREATE INDEX refresh_task_ended ON refresh.refresh_task USING btree (finished_at DESC, run_id, table_schema, table_name) WHERE (finished_at IS NOT NULL);
CREATE INDEX refresh_task_ended_as ON refresh.refresh_task USING btree (status, finished_at DESC, run_id, table_schema, table_name) WHERE (finished_at IS NOT NULL);
CREATE INDEX refresh_task_good ON refresh.refresh_task USING btree (table_schema, table_name, finished_at DESC) WHERE (status = ANY (ARRAY['success'::text, 'no_new_data'::text, 'warning'::text]));
CREATE INDEX refresh_task_group ON refresh.refresh_task USING btree (run_id, publish_group) WHERE (publish_group IS NOT NULL);
CREATE INDEX refresh_task_history ON refresh.refresh_task USING btree (table_schema, table_name, finished_at DESC);
CREATE INDEX refresh_task_not_verified ON refresh.refresh_task USING btree (table_schema, table_name, finished_at) WHERE ((mode = 'verify'::text) AND (status = ANY (ARRAY['warning'::text, 'failed'::text])));
CREATE INDEX refresh_task_of_run ON refresh.refresh_task USING btree (run_id) INCLUDE (status, bytes_billed);
CREATE INDEX refresh_task_open ON refresh.refresh_task USING btree (run_id) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));
CREATE INDEX refresh_task_verified ON refresh.refresh_task USING btree (table_schema, table_name, finished_at DESC) WHERE ((mode = 'verify'::text) AND (status = ANY (ARRAY['success'::text, 'warning'::text, 'failed'::text])));
CREATE INDEX webhook_delivery_ended ON refresh.webhook_delivery USING btree (created_at) WHERE (state <> 'pending'::text);
CREATE INDEX webhook_delivery_failed ON refresh.webhook_delivery USING btree (endpoint_id, created_at DESC, delivery_id DESC) WHERE (state = 'failed'::text);
CREATE INDEX webhook_delivery_listed ON refresh.webhook_delivery USING btree (endpoint_id, created_at DESC, delivery_id DESC);
CREATE INDEX webhook_delivery_pending ON refresh.webhook_delivery USING btree (endpoint_id, next_attempt_at) WHERE (state = 'pending'::text);
CREATE UNIQUE INDEX asin_period_summary_key ON sqp.asin_period_summary USING btree (client_id, marketplace_id, report_period, period_start, asin);
CREATE UNIQUE INDEX brand_period_summary_key ON sqp.brand_period_summary USING btree (client_id, marketplace_id, report_period, period_start, brand);
CREATE UNIQUE INDEX cannibalisation_summary_key ON sqp.cannibalisation_summary USING btree (client_id, marketplace_id, report_period, period_start, search_query_key);
CREATE UNIQUE INDEX monthly_summary_key ON sqp.monthly_summary USING btree (client_id, marketplace_id, period_start);
CREATE UNIQUE INDEX quarterly_summary_key ON sqp.quarterly_summary USING btree (client_id, marketplace_id, period_start);
CREATE UNIQUE INDEX query_class_summary_key ON sqp.query_class_summary USING btree (client_id, marketplace_id, report_period, period_start, class);
CREATE UNIQUE INDEX search_performance_summary_key ON sqp.search_performance_summary USING btree (client_id, marketplace_id, report_period, period_start, brand, search_query_key);
CREATE INDEX search_query_market_period ON sqp.search_query_market USING brin (period_start);
CREATE INDEX search_query_performance_period ON sqp.search_query_performance USING brin (period_start);
CREATE INDEX search_query_performance_query ON sqp.search_query_performance USING btree (client_id, marketplace_id, report_period, period_start, search_query_key) INCLUDE (asin, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count);
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
    LOCK TABLE refresh.refresh_audit_log IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE refresh.%I (LIKE refresh.refresh_audit_log INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE refresh.refresh_audit_log ATTACH PARTITION refresh.%I FOR VALUES FROM (%L) TO (%L)',
        name, month::timestamptz, (month + interval '1 month')::timestamptz);
    EXECUTE format('CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.%I '
        'FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change()', name);
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.add_audit_month FROM PUBLIC;

CREATE FUNCTION refresh.announce_not_equal()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog
    AS $$
BEGIN
    INSERT INTO refresh.refresh_outbox (topic, payload) VALUES
        ('refresh-events', jsonb_build_object(
            'id', gen_random_uuid(), 'type', 'refresh.warning',
            'occurred_at', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'run_id', NEW.run_id, 'table', NEW.table_schema || '.' || NEW.table_name,
            'data', jsonb_build_object('outcome', NEW.status, 'reason', NEW.reason, 'error', NEW.error)));
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.announce_staged()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO refresh.refresh_outbox (topic, payload)
    SELECT 'refresh-schedule', jsonb_build_object('version', 1, 'kind', 'table_staged', 'run_id', NEW.run_id,
        'table', NEW.table_schema || '.' || NEW.table_name)
    WHERE EXISTS (
        SELECT FROM refresh.refresh_task t
        WHERE t.run_id = NEW.run_id AND t.publish_group = NEW.publish_group AND t.status = 'queued' AND t.owed_at IS NULL);
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.announce_task_end()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog
    AS $$
DECLARE
    before text;
    is_backfill boolean := EXISTS (SELECT FROM refresh.refresh_run r WHERE r.run_id = NEW.run_id AND r.request ? 'backfill');
    kind text;
BEGIN
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'table_finished', 'run_id', NEW.run_id,
        'table', NEW.table_schema || '.' || NEW.table_name));
    IF NEW.mode <> 'live' THEN
        RETURN NULL;
    END IF;
    SELECT t.status INTO before FROM refresh.refresh_task t JOIN refresh.refresh_run r USING (run_id)
    WHERE t.table_schema = NEW.table_schema AND t.table_name = NEW.table_name AND t.run_id <> NEW.run_id AND t.mode = 'live'
        AND t.status IN ('success', 'no_new_data', 'warning', 'held', 'failed') AND r.request -> 'backfill' IS NULL
    ORDER BY t.finished_at DESC LIMIT 1;
    kind := CASE NEW.status
        WHEN 'failed' THEN 'refresh.failed'
        WHEN 'held' THEN 'refresh.held'
        WHEN 'warning' THEN 'refresh.warning'
        WHEN 'skipped' THEN 'refresh.warning'
        ELSE CASE WHEN before IN ('failed', 'held') AND NOT is_backfill THEN 'refresh.recovered' ELSE 'refresh.completed' END
    END;
    INSERT INTO refresh.refresh_outbox (topic, payload) VALUES
        ('refresh-events', jsonb_build_object(
            'id', gen_random_uuid(), 'type', kind,
            'occurred_at', to_char(NEW.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'run_id', NEW.run_id, 'table', NEW.table_schema || '.' || NEW.table_name,
            'data', jsonb_build_object('outcome', NEW.status, 'reason', NEW.reason, 'error', NEW.error,
                'rows_read', NEW.rows_read, 'rows_inserted', NEW.rows_inserted, 'rows_updated', NEW.rows_updated,
                'rows_deleted', NEW.rows_deleted, 'rows_quarantined', NEW.rows_quarantined,
                'duration_ms', (extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000)::bigint)));
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

CREATE FUNCTION refresh.audit_named_sql()
    RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO refresh.refresh_audit_log (event, details)
    VALUES ('named_sql_changed', jsonb_build_object(
        'by', coalesce(nullif(current_setting('refresh.actor', true), ''), session_user),
        'name', coalesce(NEW.name, OLD.name), 'old', OLD.sql, 'new', NEW.sql));
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
    price numeric;
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
    IF refresh.is_terminal(NEW.status) THEN
        SELECT round(sum(j.usd), 6) INTO price FROM refresh.refresh_job_cost j
        WHERE (j.run_id, j.table_schema, j.table_name) = (NEW.run_id, NEW.table_schema, NEW.table_name);
    END IF;
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, status, duration_ms, rows_read,
        rows_staged, rows_inserted, rows_updated, rows_deleted, rows_unchanged, rows_quarantined, rows_superseded,
        rows_merged, bytes_billed, bigquery_job_id, error, details)
    VALUES (NEW.run_id, NEW.table_schema, NEW.table_name, what, NEW.status,
        (extract(epoch FROM NEW.finished_at - NEW.started_at) * 1000)::bigint, NEW.rows_read,
        NEW.rows_staged, NEW.rows_inserted, NEW.rows_updated, NEW.rows_deleted, NEW.rows_unchanged, NEW.rows_quarantined,
        NEW.rows_superseded, NEW.rows_merged, NEW.bytes_billed, NEW.bigquery_job_id, NEW.error,
        NEW.details || jsonb_strip_nulls(jsonb_build_object('phase', NEW.phase, 'epoch', NEW.epoch, 'reason', NEW.reason,
            'usd', price)));
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
        CASE WHEN TG_OP = 'UPDATE' AND ((NEW.sealed_url IS DISTINCT FROM OLD.sealed_url AND NEW.secret = OLD.secret)
            OR refresh.shown_webhook(NEW) <> refresh.shown_webhook(OLD)) THEN 'webhook_changed' END
    ]) AS what
    WHERE what IS NOT NULL;
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.build_index(table_schema text, table_name text, columns text[], is_unique boolean DEFAULT false, requested_by text DEFAULT SESSION_USER)
    RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp SET lock_timeout=3s
    AS $$
DECLARE
    relation regclass := to_regclass(format('%I.%I', $1, $2));
    unknown text;
    wanted smallint[];
    index_name text;
    ddl text;
BEGIN
    IF relation IS NULL OR NOT EXISTS (
        SELECT FROM refresh.refresh_table_registry AS r WHERE (r.table_schema, r.table_name) = ($1, $2)
    ) THEN
        RAISE EXCEPTION '%.% is not registered', $1, $2 USING ERRCODE = 'insufficient_privilege',
            HINT = 'Register the table first, by refresh.register_table.';
    ELSIF coalesce(cardinality($3), 0) = 0 OR array_position($3, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'columns is %', coalesce($3::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Name the columns of the index, the most selective first.';
    END IF;
    SELECT string_agg(name, ', ' ORDER BY place) FILTER (WHERE a.attnum IS NULL), array_agg(a.attnum ORDER BY place)
    INTO unknown, wanted
    FROM unnest($3) WITH ORDINALITY AS given (name, place)
    LEFT JOIN pg_attribute AS a ON a.attrelid = relation AND a.attname = given.name AND a.attnum > 0 AND NOT a.attisdropped;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION '%.% has no column %', $1, $2, unknown USING ERRCODE = 'undefined_column',
            HINT = 'Name columns of the target as they stand in Postgres.';
    END IF;
    SELECT i.indexrelid::regclass::text INTO index_name
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_am AS m ON m.oid = c.relam
    WHERE i.indrelid = relation AND i.indisvalid AND m.amname = 'btree' AND i.indpred IS NULL AND i.indexprs IS NULL
        AND (i.indkey::smallint[])[0:i.indnkeyatts - 1] = wanted AND (i.indisunique AND i.indimmediate OR NOT $4)
    ORDER BY i.indexrelid LIMIT 1;
    IF index_name IS NOT NULL THEN
        RETURN index_name;
    END IF;
    ddl := format('CREATE %sINDEX ON %s (%s)', CASE WHEN $4 THEN 'UNIQUE ' ELSE '' END, relation,
        (SELECT string_agg(quote_ident(name), ', ' ORDER BY place) FROM unnest($3) WITH ORDINALITY AS given (name, place)));
    BEGIN
        EXECUTE ddl;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE EXCEPTION '%.%: %', $1, $2, SQLERRM USING ERRCODE = 'insufficient_privilege',
            HINT = format('ALTER TABLE %s OWNER TO %I;', relation, current_user);
    END;
    SELECT max(i.indexrelid)::regclass::text INTO index_name FROM pg_index AS i WHERE i.indrelid = relation;
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES ($1, $2, 'index_built', jsonb_build_object('by', $5, 'index', index_name, 'ddl', ddl));
    RETURN index_name;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.build_index FROM PUBLIC;

CREATE FUNCTION refresh.bytes_spent(of_day date, of_schema text DEFAULT NULL::text, of_name text DEFAULT NULL::text)
    RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT coalesce(sum(coalesce(j.bytes_billed, CASE WHEN refresh.is_terminal(t.status) THEN 0 ELSE j.bytes_reserved END)), 0)::bigint
FROM refresh.refresh_job_cost j
JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
WHERE j.started_at >= of_day::timestamp AT TIME ZONE 'UTC' AND j.started_at < (of_day + 1)::timestamp AT TIME ZONE 'UTC'
    AND (of_schema IS NULL OR (j.table_schema, j.table_name) = (of_schema, of_name))
$$;

CREATE FUNCTION refresh.can_widen(before text, after text)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT CASE
    WHEN before ~ '^character varying\(\d+\)$' THEN after = 'text' OR (after ~ '^character varying\(\d+\)$'
        AND substring(after FROM '\d+')::bigint > substring(before FROM '\d+')::bigint)
    WHEN before ~ '^numeric\(\d+,\d+\)$' THEN after = 'numeric' OR (after ~ '^numeric\(\d+,\d+\)$'
        AND (regexp_match(after, '(\d+),(\d+)'))[2]::integer >= (regexp_match(before, '(\d+),(\d+)'))[2]::integer
        AND (regexp_match(after, '(\d+),(\d+)'))[1]::integer - (regexp_match(after, '(\d+),(\d+)'))[2]::integer
            >= (regexp_match(before, '(\d+),(\d+)'))[1]::integer - (regexp_match(before, '(\d+),(\d+)'))[2]::integer)
    WHEN before IN ('smallint', 'integer', 'bigint') THEN after = 'numeric'
        OR (before, after) IN (('smallint', 'integer'), ('smallint', 'bigint'), ('integer', 'bigint'))
    ELSE false
END
$$;

CREATE FUNCTION refresh.cancel_backfill(backfill uuid, requested_by text DEFAULT CURRENT_USER)
    RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    ended refresh.refresh_backfill;
BEGIN
    UPDATE refresh.refresh_backfill b SET status = 'cancelled', reason = 'cancelled', finished_at = clock_timestamp()
    WHERE b.backfill_id = backfill AND b.status = 'running' RETURNING * INTO ended;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE refresh.refresh_task t SET status = 'skipped', reason = 'cancelled', slices_open = 0
    WHERE t.run_id = ended.run_id AND t.status IN ('queued', 'running');
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, details)
    VALUES (ended.run_id, ended.table_schema, ended.table_name, 'backfill_cancelled',
        refresh.actor() || jsonb_build_object('by', cancel_backfill.requested_by, 'backfill', backfill));
    RETURN true;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.cancel_backfill FROM PUBLIC;

CREATE FUNCTION refresh.carry_trace()
    RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    parent text := NULLIF(current_setting('refresh.traceparent', true), '');
    run text := NEW.payload ->> 'run_id';
BEGIN
    IF parent IS NULL AND run ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        SELECT r.traceparent INTO parent FROM refresh.refresh_run r WHERE r.run_id = run::uuid;
    END IF;
    IF parent IS NOT NULL THEN
        NEW.attributes := NEW.attributes || jsonb_build_object('traceparent', parent);
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION refresh.change_mode()
    RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    IF OLD.mode = 'shadow' AND NEW.mode = 'live' AND NOT EXISTS (
        SELECT FROM refresh.refresh_shadow s
        WHERE s.table_schema = NEW.table_schema AND s.table_name = NEW.table_name AND s.promoted_by_transaction = pg_current_xact_id()
    ) THEN
        PERFORM refresh.refuse_registration(NEW, 'mode', 'is shadow, from which a table becomes live by promotion',
            format('SELECT refresh.promote(%L), or set mode to disabled first to give up its shadow.', NEW.table_schema || '.' || NEW.table_name));
    ELSIF NEW.mode = 'shadow' AND OLD.mode <> 'shadow' THEN
        NEW.scanned_snapshot_at := NULL;
        NEW.scanned_from := NULL;
        UPDATE refresh.refresh_partition_state p SET definition_hash = ''
        WHERE p.table_schema = NEW.table_schema AND p.table_name = NEW.table_name;
    END IF;
    RETURN NEW;
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

CREATE FUNCTION refresh.check_drift_policies()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    wrong record;
BEGIN
    FOR wrong IN
        SELECT given.key, given.value FROM jsonb_each(NEW.drift_policies) AS given
        WHERE given.key NOT IN ('added', 'dropped', 'renamed', 'widened', 'narrowed', 'retyped', 'nullability')
            OR given.value NOT IN ('"evolve"', '"ignore"', '"hold"')
    LOOP
        PERFORM refresh.refuse_registration(NEW, 'drift_policies', format('has %s for %s', wrong.value, wrong.key),
            'Give "evolve", "ignore" or "hold" for added, dropped, renamed, widened, narrowed, retyped or nullability.');
    END LOOP;
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

CREATE FUNCTION refresh.check_max_bytes_billed_per_day()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM refresh.refuse_registration(NEW, 'max_bytes_billed_per_day', format('is %s', NEW.max_bytes_billed_per_day),
        'Set max_bytes_billed_per_day to a number of bytes above 0, or NULL for no cap.');
    RETURN NEW;
END $$;

CREATE FUNCTION refresh.check_promotion(entry refresh.refresh_table_registry, shadow refresh.refresh_shadow, force boolean)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
    AS $$
DECLARE
    target text := entry.table_schema || '.' || entry.table_name;
    days integer;
    latest refresh.refresh_shadow_report;
BEGIN
    IF entry.mode <> 'shadow' THEN
        PERFORM refresh.refuse_promotion(format('%s has mode %s', target, entry.mode), 'Only a table of mode shadow can be promoted.');
    ELSIF shadow.columns IS NULL OR shadow.scanned_snapshot_at IS NULL THEN
        PERFORM refresh.refuse_promotion(format('%s has no shadow that was refreshed since the table became one', target),
            'Refresh the table first.');
    ELSIF shadow.shape <> refresh.table_shape(format('%I.%I', entry.table_schema, entry.table_name)::regclass) THEN
        PERFORM refresh.refuse_promotion(format('the columns of %s have changed since its shadow was made', target),
            'Refresh the table once more: its shadow is then made anew.');
    END IF;
    IF force THEN
        RETURN;
    END IF;
    days := refresh.clean_days(entry.table_schema, entry.table_name);
    IF days < entry.shadow_clean_days THEN
        SELECT r.* INTO latest FROM refresh.refresh_shadow_report r
        WHERE r.table_schema = entry.table_schema AND r.table_name = entry.table_name ORDER BY r.day DESC LIMIT 1;
        PERFORM refresh.refuse_promotion(
            format('%s has %s of %s clean days', target, days, entry.shadow_clean_days)
            || coalesce(format('; on %s %s rows were missing, %s extra, %s differing, %s scopes held', latest.day, latest.missing,
                latest.extra, latest.differing, latest.scopes_held), ''),
            'Wait until it has them, or force the promotion and say why.');
    ELSIF shadow.last_refreshed_at < now() - make_interval(hours => 2 * entry.frequency_hours) THEN
        PERFORM refresh.refuse_promotion(format('the shadow of %s was last refreshed at %s', target,
            to_char(shadow.last_refreshed_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')), 'Refresh the table first, or force the promotion and say why.');
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.check_promotion FROM PUBLIC;

CREATE FUNCTION refresh.check_publish_group()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM refresh.refuse_registration(NEW, 'publish_group', format('is %s', quote_literal(NEW.publish_group)),
        'Set publish_group to a name of small letters, digits and _ that begins with a letter, or to NULL.');
    RETURN NEW;
END $$;

CREATE FUNCTION refresh.check_quality_rules()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    rule record;
    part record;
    by_name boolean;
BEGIN
    FOR rule IN SELECT key, value FROM jsonb_each(NEW.checks) LOOP
        by_name := rule.key IN ('null_share', 'range', 'allowed_values', 'custom_sql');
        IF rule.key IN ('table_min_ratio', 'scope_min_ratio', 'scope_history') THEN
            CONTINUE; -- refresh.check_values knows them
        ELSIF rule.key = 'max_deleted_share' THEN
            IF NOT refresh.is_number(rule.value, 0, 1) THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    'Set max_deleted_share to a fraction from 0 to 1.');
            END IF;
        ELSIF rule.key IN ('expected_days', 'stale_days') THEN
            IF NOT refresh.is_number(rule.value, 0, 100000, true) THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    format('Set %s to a number of days, 0 or more.', rule.key));
            END IF;
        ELSIF by_name AND jsonb_typeof(rule.value) = 'object' THEN
            FOR part IN SELECT key, value FROM jsonb_each(rule.value) LOOP
                IF NOT refresh.fits_check(rule.key, part.value) THEN
                    PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s of %s = %s', rule.key, part.key, part.value),
                        refresh.form_of_check(rule.key));
                ELSIF rule.key <> 'custom_sql' AND refresh.column_type(
                    to_regclass(format('%I.%I', NEW.table_schema, NEW.table_name)), part.key) IS NULL THEN
                    PERFORM refresh.refuse_registration(NEW, 'checks',
                        format('has %s of %s, which the table does not have', rule.key, part.key), 'Name one of its columns.');
                END IF;
            END LOOP;
        ELSIF rule.key IN ('row_count', 'quarantine', 'verify') OR by_name
            OR NEW.handler IN ('asin', 'search_queries') AND jsonb_typeof(rule.value) = 'object' THEN
            IF by_name OR NOT refresh.fits_check(rule.key, rule.value) THEN
                PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                    refresh.form_of_check(rule.key));
            END IF;
        ELSE
            PERFORM refresh.refuse_registration(NEW, 'checks', format('has %s = %s', rule.key, rule.value),
                'Numbers are table_min_ratio, scope_min_ratio, scope_history, max_deleted_share, expected_days and stale_days; objects '
                'are null_share, range, allowed_values, row_count, custom_sql and quarantine, and, with handler asin or search_queries, '
                'the checks of these data with "max" and "outcome".');
        END IF;
    END LOOP;
    RETURN NEW;
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

CREATE FUNCTION refresh.check_rollback(of_run uuid, tables text[], wanted text[])
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    problem text;
BEGIN
    SELECT string_agg(format('%s.%s is %s', t.table_schema, t.table_name, t.status), ', ' ORDER BY t.table_schema, t.table_name)
    INTO problem FROM refresh.refresh_task t
    WHERE t.run_id = of_run AND NOT refresh.is_terminal(t.status)
        AND (wanted IS NULL OR t.table_schema || '.' || t.table_name = ANY (wanted));
    IF problem IS NOT NULL THEN
        PERFORM refresh.refuse_rollback(format('run %s has not ended: %s', of_run, problem),
            'Wait for its end, or name the tables that have ended.');
    END IF;
    SELECT string_agg(format('%s.%s by %s', p.table_schema, p.table_name, p.rolled_back_by), ', ' ORDER BY p.publish_id)
    INTO problem FROM refresh.refresh_publish p
    WHERE p.run_id = of_run AND p.table_schema || '.' || p.table_name = ANY (tables) AND p.rolled_back_at IS NOT NULL;
    IF problem IS NOT NULL THEN
        PERFORM refresh.refuse_rollback(format('run %s was taken back already: %s', of_run, problem),
            'Nothing is left to do for these tables.');
    END IF;
    SELECT string_agg(format('%s.%s', p.table_schema, p.table_name), ', ' ORDER BY p.publish_id) INTO problem
    FROM refresh.refresh_publish p
    WHERE p.run_id = of_run AND p.table_schema || '.' || p.table_name = ANY (tables) AND p.expired_at IS NOT NULL;
    IF problem IS NOT NULL THEN
        PERFORM refresh.refuse_rollback(format('run %s can no longer be taken back of %s: what it overwrote is no longer kept', of_run, problem),
            'The last rollback_publishes of a table are kept, for as long as refresh.cleanup leaves them. Mend the source and run the table.');
    END IF;
    SELECT string_agg(format('%s.%s by run %s', p.table_schema, p.table_name, later.run_id), ', '
        ORDER BY later.publish_id DESC) INTO problem
    FROM refresh.refresh_publish p
    CROSS JOIN LATERAL refresh.publishes_in_the_way(p) later
    WHERE p.run_id = of_run AND p.table_schema || '.' || p.table_name = ANY (tables);
    IF problem IS NOT NULL THEN
        PERFORM refresh.refuse_rollback(format('run %s cannot be taken back: the same rows were published later, of %s', of_run, problem),
            'Take the later runs back first, the newest before the others.');
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.check_rollback FROM PUBLIC;

CREATE FUNCTION refresh.check_rollback_publishes()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM refresh.refuse_registration(NEW, 'rollback_publishes', format('is %s', NEW.rollback_publishes),
        'Set rollback_publishes to a number from 0, which keeps nothing, to 1000.');
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

CREATE FUNCTION refresh.check_shadow_rules()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    rule record;
    relation regclass := to_regclass(format('%I.%I', NEW.table_schema, NEW.table_name));
BEGIN
    IF NEW.shadow_clean_days NOT BETWEEN 1 AND 365 OR NEW.shadow_clean_days IS NULL THEN
        PERFORM refresh.refuse_registration(NEW, 'shadow_clean_days', format('is %s', NEW.shadow_clean_days),
            'Set shadow_clean_days to a number of days from 1 to 365.');
    END IF;
    IF jsonb_typeof(NEW.shadow_tolerances) IS DISTINCT FROM 'object' THEN
        PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('is %s', NEW.shadow_tolerances),
            'Set shadow_tolerances to a JSON object from target column to {"absolute": …}, {"relative": …} or {"ignore": true}.');
    END IF;
    FOR rule IN
        SELECT key, value, refresh.column_type(relation, key) AS type FROM jsonb_each(NEW.shadow_tolerances) WHERE relation IS NOT NULL
    LOOP
        IF rule.type IS NULL THEN
            PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('names %s, which the table does not have', rule.key),
                format('Choose from its columns: %s.', refresh.column_names(relation)));
        ELSIF rule.key = ANY (NEW.key_columns) OR rule.key IS NOT DISTINCT FROM NEW.scope_column THEN
            PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('names %s, by which rows are told apart', rule.key),
                'Key and scope are compared as they are.');
        ELSIF rule.value = '{"ignore": true}' THEN
            CONTINUE;
        ELSIF jsonb_typeof(rule.value) <> 'object' OR rule.value = '{}' OR rule.value - ARRAY['absolute', 'relative'] <> '{}'
            OR EXISTS (SELECT FROM jsonb_each(rule.value) AS given
                WHERE jsonb_typeof(given.value) <> 'number' OR (given.value #>> '{}')::numeric < 0) THEN
            PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('has %s for %s', rule.value, rule.key),
                'Write {"absolute": number}, {"relative": fraction}, both of 0 or more, or {"ignore": true}.');
        ELSIF rule.type NOT IN ('int2', 'int4', 'int8', 'numeric', 'float4', 'float8') THEN
            PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('has %s for %s, which is of type %s', rule.value, rule.key, rule.type),
                'Numbers have a tolerance; any other column can only be left out, by {"ignore": true}.');
        ELSIF cardinality(NEW.key_columns) = 0 THEN
            PERFORM refresh.refuse_registration(NEW, 'shadow_tolerances', format('has %s for %s, and the table has no key', rule.value, rule.key),
                'Without a key rows are compared as a whole: leave the column out, by {"ignore": true}.');
        END IF;
    END LOOP;
    RETURN NEW;
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

CREATE FUNCTION refresh.check_taken_back(publish refresh.refresh_publish, what text, seen bigint, expected bigint)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    IF seen <> expected THEN
        RAISE EXCEPTION '%.%: of % rows that run % %, % are as it left them', publish.table_schema, publish.table_name,
            expected, publish.run_id, what, seen
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Something else than a refresh has changed them, or a trigger of the table changes what is put back: undo '
                    'that first. Nothing was taken back.';
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
    IF entry.table_schema IN ('information_schema', 'refresh', 'refresh_staging', 'refresh_shadow', 'refresh_undo', 'refresh_migrations')
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
            ('mode', entry.mode, entry.mode IN ('live', 'shadow', 'dry_run', 'disabled'), 'live, shadow, dry_run or disabled'),
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
    IF entry.mode IN ('shadow', 'dry_run') AND entry.handler = 'summaries' THEN
        PERFORM refresh.refuse_registration(entry, 'mode', format('%s is for tables, and this is a materialized view', entry.mode),
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

CREATE FUNCTION refresh.clean_days(of_schema text, of_name text)
    RETURNS integer
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
WITH reports AS (
    SELECT r.day, r.clean AND r.definition_hash = first_value(r.definition_hash) OVER (ORDER BY r.day DESC) AS clean
    FROM refresh.refresh_shadow_report r JOIN refresh.refresh_shadow s USING (table_schema, table_name)
    WHERE r.table_schema = of_schema AND r.table_name = of_name AND r.compared_at >= s.created_at
)
SELECT count(*)::integer FROM reports WHERE day > coalesce((SELECT max(day) FROM reports WHERE NOT clean), '-infinity')
$$;

CREATE FUNCTION refresh.cleanup(checkpoint_days integer DEFAULT 14, audit_months integer DEFAULT 13, quarantine_days integer DEFAULT 90, outbox_days integer DEFAULT 7, staging_hours integer DEFAULT 48, quality_days integer DEFAULT 400, batch_rows integer DEFAULT 100000, as_of timestamp with time zone DEFAULT now(), undo_days integer DEFAULT 30, undo_bytes bigint DEFAULT '21474836480'::bigint)
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
        ('batch_rows', batch_rows), ('undo_days', undo_days), ('undo_bytes', undo_bytes)) AS given (name, value)
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
        || refresh.keep_audit_months(audit_months, as_of) || refresh.drop_undo(undo_days, undo_bytes, as_of);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.cleanup FROM PUBLIC;

CREATE FUNCTION refresh.cleanup_reports(report_days integer DEFAULT 90, batch_rows integer DEFAULT 100000, as_of timestamp with time zone DEFAULT now())
    RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
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
REVOKE EXECUTE ON FUNCTION refresh.cleanup_reports FROM PUBLIC;

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

CREATE FUNCTION refresh.cost_lock(of_day date)
    RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN hashtextextended('refresh.refresh_cost_month'::text, ((of_day - '2000-01-01'::date))::bigint);

CREATE FUNCTION refresh.counted(write text, returned text, undo regclass, kind text, listed text)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT CASE WHEN undo IS NULL OR kind IS NULL THEN format('WITH written AS (%s RETURNING 1) SELECT count(*) FROM written', write)
    ELSE format('WITH written AS (%s RETURNING %s), kept AS (INSERT INTO %s (refresh_undo_kind, %s) SELECT %L, %s FROM written) '
        'SELECT count(*) FROM written', write, returned, undo, listed, kind, listed) END
$$;

CREATE FUNCTION refresh.day_lock()
    RETURNS bigint
    LANGUAGE sql IMMUTABLE
    RETURN hashtextextended('refresh.refresh_day'::text, (0)::bigint);

CREATE FUNCTION refresh.demote(target text, reason text, requested_by text DEFAULT CURRENT_USER)
    RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp SET lock_timeout=3s
    AS $$
DECLARE
    entry refresh.refresh_table_registry;
    name text;
    names text;
    copied bigint;
BEGIN
    IF coalesce(reason !~ '\S', true) THEN
        RAISE EXCEPTION 'a demotion needs a reason' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why.';
    END IF;
    entry := refresh.table_to_promote(target);
    IF entry.mode <> 'live' OR entry.handler = 'summaries' THEN
        PERFORM refresh.refuse_promotion(format('%s is %s', target,
            CASE WHEN entry.mode <> 'live' THEN 'of mode ' || entry.mode ELSE 'a materialized view' END),
            'Only a table of mode live can be demoted.');
    END IF;
    PERFORM refresh.drop_shadow(entry.table_schema, entry.table_name);
    name := refresh.make_shadow(entry.table_schema, entry.table_name);
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO names FROM pg_attribute
    WHERE attrelid = format('%I.%I', entry.table_schema, entry.table_name)::regclass AND attnum > 0 AND NOT attisdropped
        AND attgenerated = '';
    EXECUTE format('INSERT INTO refresh_shadow.%I (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %I.%I', name, names, names,
        entry.table_schema, entry.table_name);
    GET DIAGNOSTICS copied = ROW_COUNT;
    INSERT INTO refresh.refresh_shadow_state (table_schema, table_name, scope, fingerprint, definition_hash, snapshot_at, rows,
        rows_quarantined, run_id)
    SELECT p.table_schema, p.table_name, p.scope, p.fingerprint, p.definition_hash, p.snapshot_at, p.rows, p.rows_quarantined, p.run_id
    FROM refresh.refresh_partition_state p WHERE p.table_schema = entry.table_schema AND p.table_name = entry.table_name;
    UPDATE refresh.refresh_shadow s
    SET last_refreshed_at = entry.last_refreshed_at, last_data_period = entry.last_data_period,
        scanned_snapshot_at = entry.scanned_snapshot_at, scanned_from = entry.scanned_from
    WHERE s.table_schema = entry.table_schema AND s.table_name = entry.table_name;
    PERFORM set_config('refresh.actor', requested_by, true);
    UPDATE refresh.refresh_table_registry r SET mode = 'shadow'
    WHERE r.table_schema = entry.table_schema AND r.table_name = entry.table_name;
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES (entry.table_schema, entry.table_name, 'table_demoted',
        jsonb_build_object('by', requested_by, 'database_user', session_user, 'reason', reason));
    RETURN jsonb_build_object('table', target, 'rows', copied);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.demote FROM PUBLIC;

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

CREATE FUNCTION refresh.drop_shadow(of_schema text, of_name text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS refresh_shadow.%I', refresh.shadow_name(of_schema, of_name));
    DELETE FROM refresh.refresh_shadow s WHERE s.table_schema = of_schema AND s.table_name = of_name;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.drop_shadow FROM PUBLIC;

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
    DELETE FROM refresh.refresh_task_definition d
    USING refresh.refresh_task t
    WHERE (t.run_id, t.table_schema, t.table_name) = (d.run_id, d.table_schema, d.table_name)
        AND refresh.is_terminal(t.status) AND NOT (t.status = 'held' AND t.finished_at >= held_since);
    RETURN jsonb_build_object('staging_tables', dropped, 'staging_tables_deferred', deferred);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.drop_staging FROM PUBLIC;

CREATE FUNCTION refresh.drop_undo(undo_days integer, undo_bytes bigint, as_of timestamp with time zone)
    RETURNS jsonb
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    surplus record;
    orphan text;
    dropped integer := 0;
    deferred integer := 0;
BEGIN
    FOR surplus IN
        WITH kept AS (
            SELECT p.publish_id, p.table_schema, p.table_name, p.published_at, r.rollback_publishes,
                row_number() OVER (PARTITION BY p.table_schema, p.table_name ORDER BY p.publish_id DESC) AS age,
                sum(p.undo_bytes) OVER (ORDER BY p.publish_id DESC) AS bytes_since
            FROM refresh.refresh_publish p
            JOIN refresh.refresh_table_registry r ON r.table_schema = p.table_schema AND r.table_name = p.table_name
            WHERE p.expired_at IS NULL AND p.rolled_back_at IS NULL
        )
        SELECT k.publish_id, k.table_schema, k.table_name FROM kept k
        WHERE k.published_at < as_of - make_interval(days => undo_days) OR k.age > k.rollback_publishes
            OR k.bytes_since > undo_bytes
        ORDER BY k.publish_id LIMIT 500
    LOOP
        BEGIN
            -- A publish or a rollback that is under way comes first; the next call sees to the rest.
            PERFORM FROM refresh.refresh_table_registry r
            WHERE r.table_schema = surplus.table_schema AND r.table_name = surplus.table_name
            FOR NO KEY UPDATE NOWAIT;
            PERFORM refresh.expire_publish(p.publish_id) FROM refresh.refresh_publish p
            WHERE p.publish_id = surplus.publish_id AND p.expired_at IS NULL AND p.rolled_back_at IS NULL;
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            deferred := deferred + 1;
        END;
    END LOOP;
    FOR orphan IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'refresh_undo'::regnamespace AND c.relkind = 'r'
            AND NOT EXISTS (SELECT FROM refresh.refresh_publish p WHERE p.undo_table = c.relname)
    LOOP
        EXECUTE format('DROP TABLE refresh_undo.%I', orphan);
    END LOOP;
    RETURN jsonb_build_object('publishes', dropped, 'publishes_deferred', deferred);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.drop_undo FROM PUBLIC;

CREATE FUNCTION refresh.duration_ms(started_at timestamp with time zone, finished_at timestamp with time zone)
    RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((started_at IS NOT NULL) AND (finished_at IS NOT NULL)) THEN (LEAST((EXTRACT(epoch FROM (finished_at - started_at)) * (1000)::numeric), (2147483647)::numeric))::integer ELSE NULL::integer END;

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

CREATE FUNCTION refresh.evolve_table(table_schema text, table_name text, changes jsonb, run_id uuid DEFAULT NULL::uuid)
    RETURNS text[]
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    relation regclass := to_regclass(format('%I.%I', table_schema, table_name));
    wanted record;
    now_type text;
    now_not_null boolean;
    action text;
    done text[] := '{}';
BEGIN
    IF relation IS NULL OR NOT EXISTS (
        SELECT FROM refresh.refresh_table_registry r
        WHERE (r.table_schema, r.table_name) = (evolve_table.table_schema, evolve_table.table_name)
            AND r.handler = 'generic' AND r.mode <> 'disabled'
    ) THEN
        RAISE EXCEPTION '%.% is not registered with handler generic', table_schema, table_name
            USING ERRCODE = 'insufficient_privilege', HINT = 'Only tables that are refreshed are evolved.';
    END IF;
    FOR wanted IN SELECT * FROM jsonb_to_recordset(changes) AS c (change text, "column" text, type text) LOOP
        SELECT format_type(a.atttypid, a.atttypmod), a.attnotnull INTO now_type, now_not_null
        FROM pg_attribute a
        WHERE a.attrelid = relation AND a.attname = wanted."column" AND a.attnum > 0 AND NOT a.attisdropped;
        action := CASE
            WHEN wanted.change = 'add_column' AND now_type IS NULL AND wanted.type ~ ('^(text|bigint|double precision|boolean|'
                'numeric|bytea|date|time without time zone|timestamp without time zone|timestamp with time zone|interval)'
                '(\[\])?$|^(jsonb|daterange|tsrange|tstzrange)$')
                THEN format('ADD COLUMN %I %s', wanted."column", wanted.type)
            WHEN wanted.change = 'widen_column' AND refresh.can_widen(now_type, wanted.type)
                THEN format('ALTER COLUMN %I TYPE %s', wanted."column", wanted.type)
            WHEN wanted.change = 'drop_not_null' AND now_not_null
                THEN format('ALTER COLUMN %I DROP NOT NULL', wanted."column")
        END;
        IF action IS NOT NULL THEN
            EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', relation);
            IF wanted.change = 'widen_column'
                AND (split_part(now_type, '(', 1) NOT IN ('character varying', 'numeric')
                    OR (wanted.type <> 'numeric' AND now_type LIKE 'numeric%'
                        AND split_part(now_type, ',', 2) <> split_part(wanted.type, ',', 2))) THEN
                PERFORM refresh.refuse_old_snapshots(relation);
            END IF;
            EXECUTE format('ALTER TABLE %s %s', relation, action);
            done := done || format('ALTER TABLE %I.%I %s', table_schema, table_name, action);
        ELSIF now_type IS DISTINCT FROM coalesce(wanted.type, now_type) OR now_type IS NULL THEN
            RAISE EXCEPTION '%.%: % of % from % to % is no safe change', table_schema, table_name, wanted.change,
                wanted."column", coalesce(now_type, 'nothing'), wanted.type USING ERRCODE = 'feature_not_supported',
                HINT = 'Safe are a new column that may be NULL, a wider type, and NOT NULL dropped.';
        END IF;
    END LOOP;
    IF done <> '{}' THEN
        INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, details)
        VALUES (evolve_table.run_id, evolve_table.table_schema, evolve_table.table_name, 'schema_evolved',
            jsonb_build_object('ddl', to_jsonb(done)));
    END IF;
    RETURN done;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.evolve_table FROM PUBLIC;

CREATE FUNCTION refresh.expire_publish(expired bigint)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    undo text;
BEGIN
    SELECT p.undo_table INTO undo FROM refresh.refresh_publish p WHERE p.publish_id = expired;
    IF undo IS NOT NULL THEN
        EXECUTE format('DROP TABLE refresh_undo.%I', undo);
    END IF;
    DELETE FROM refresh.refresh_publish_scope s WHERE s.publish_id = expired;
    UPDATE refresh.refresh_publish p SET undo_table = NULL, undo_bytes = 0, expired_at = clock_timestamp()
    WHERE p.publish_id = expired;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.expire_publish FROM PUBLIC;

CREATE FUNCTION refresh.expire_publishes(of_schema text, of_name text, kept integer)
    RETURNS bigint
    LANGUAGE sql
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT count(refresh.expire_publish(surplus.publish_id)) FROM (
    SELECT p.publish_id FROM refresh.refresh_publish p
    WHERE p.table_schema = of_schema AND p.table_name = of_name AND p.expired_at IS NULL AND p.rolled_back_at IS NULL
    ORDER BY p.publish_id DESC OFFSET kept
) surplus
$$;
REVOKE EXECUTE ON FUNCTION refresh.expire_publishes FROM PUBLIC;

CREATE FUNCTION refresh.failing_rows(check_sql text)
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    failing refcursor;
    rows bigint;
BEGIN
    -- A cursor takes a single query, so nobody closes the parenthesis and goes on with another.
    OPEN failing FOR EXECUTE format(E'SELECT count(*) FROM (%s\n) AS failing', check_sql);
    FETCH failing INTO rows;
    CLOSE failing;
    PERFORM pg_advisory_unlock_all();
    RETURN rows;
EXCEPTION WHEN query_canceled OR assert_failure OR others THEN
    PERFORM pg_advisory_unlock_all();
    RAISE;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.failing_rows FROM PUBLIC;

CREATE FUNCTION refresh.first_open_day()
    RETURNS date
    LANGUAGE sql STABLE
    RETURN (((now() - '01:00:00'::interval) AT TIME ZONE 'UTC'::text))::date;

CREATE FUNCTION refresh.fits_check(kind text, rule jsonb)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT CASE kind
    WHEN 'null_share' THEN refresh.is_rule(rule, '{max}') AND coalesce(refresh.is_number(rule -> 'max', 0, 1), false)
    WHEN 'range' THEN refresh.is_rule(rule, '{min,max}') AND rule ?| '{min,max}'
        AND coalesce(jsonb_typeof(rule -> 'min') IN ('number', 'string'), true)
        AND coalesce(jsonb_typeof(rule -> 'max') IN ('number', 'string'), true)
    WHEN 'allowed_values' THEN refresh.is_rule(rule, '{values}')
        AND coalesce(jsonb_typeof(rule -> 'values') = 'array' AND jsonb_array_length(rule -> 'values') BETWEEN 1 AND 1000
            AND NOT rule -> 'values' @? '$[*] ? (@.type() != "string" && @.type() != "number" && @.type() != "boolean")', false)
    WHEN 'row_count' THEN refresh.is_rule(rule, '{min_ratio,max_ratio,history}') AND rule ?| '{min_ratio,max_ratio}'
        AND coalesce(refresh.is_number(rule -> 'min_ratio', 0, 1), true)
        AND coalesce(refresh.is_number(rule -> 'max_ratio', 1, 1000000), true)
        AND coalesce(refresh.is_number(rule -> 'history', 1, 1000, true), true)
    WHEN 'custom_sql' THEN refresh.is_rule(rule, '{sql}')
        AND coalesce(jsonb_typeof(rule -> 'sql') = 'string' AND length(btrim(rule ->> 'sql')) BETWEEN 1 AND 10000, false)
    WHEN 'quarantine' THEN refresh.is_rule(rule, '{max_rows,max_share}') AND rule ?| '{max_rows,max_share}'
        AND coalesce(refresh.is_number(rule -> 'max_rows', 0, 9223372036854775807, true), true)
        AND coalesce(refresh.is_number(rule -> 'max_share', 0, 1), true)
    ELSE refresh.is_rule(rule, '{max}') AND rule <> '{}' AND coalesce(refresh.is_number(rule -> 'max', 0, 1), true)
END
$$;

CREATE FUNCTION refresh.forget_costs()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
    AS $$
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

CREATE FUNCTION refresh.form_of_check(kind text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT CASE kind
    WHEN 'null_share' THEN 'Write "null_share": {"column": {"max": a share from 0 to 1, "outcome": "hold"}}.'
    WHEN 'range' THEN 'Write "range": {"column": {"min": the least, "max": the greatest, "outcome": "hold"}}, with one bound or both; days and times as text.'
    WHEN 'allowed_values' THEN 'Write "allowed_values": {"column": {"values": [up to 1000 texts, numbers, booleans], "outcome": "hold"}}.'
    WHEN 'row_count' THEN 'Write "row_count": {"min_ratio": from 0 to 1, "max_ratio": from 1, "history": 12, "outcome": "hold"}, with one ratio or both.'
    WHEN 'custom_sql' THEN 'Write "custom_sql": {"a name": {"sql": "SELECT … FROM staged WHERE …", "outcome": "hold"}}.'
    WHEN 'quarantine' THEN 'Write "quarantine": {"max_rows": a number, "max_share": from 0 to 1, "outcome": "hold"}, with one limit or both.'
    ELSE 'Write a check as {"max": most rows allowed, as a fraction from 0 to 1, "outcome": "warn", "hold" or "off"}.'
END
    || CASE WHEN kind IN ('null_share', 'range', 'allowed_values', 'row_count', 'custom_sql', 'quarantine')
        THEN ' The outcome is "hold" (where it is left out), "warn" or "off".' ELSE '' END
$$;

CREATE FUNCTION refresh.grant_access(schema_name text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    IF schema_name IN ('information_schema', 'refresh', 'refresh_staging', 'refresh_shadow', 'refresh_undo', 'refresh_migrations') OR starts_with(schema_name, 'pg_') THEN
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

CREATE FUNCTION refresh.guard_named_sql()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
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
    -- From queued to held: with its publish group.
    IF NEW.status <> OLD.status AND (OLD.status, NEW.status) NOT IN (
        ('queued', 'running'), ('queued', 'skipped'), ('queued', 'failed'), ('queued', 'held'), ('running', 'queued'),
        ('running', 'success'), ('running', 'no_new_data'), ('running', 'warning'), ('running', 'held'), ('running', 'failed'),
        ('running', 'skipped')
    ) THEN
        RAISE EXCEPTION 'a task cannot go from % to %', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.epoch < OLD.epoch THEN
        RAISE EXCEPTION 'the epoch of a task never falls (% to %)', OLD.epoch, NEW.epoch USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.phase = 'staged' AND OLD.phase <> 'staged' THEN
        NEW.staged_at := clock_timestamp();
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

CREATE FUNCTION refresh.held_checks(the_task refresh.refresh_task)
    RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT jsonb_agg(DISTINCT q.metric) FROM refresh.refresh_data_quality q
WHERE q.run_id = the_task.run_id AND q.table_schema = the_task.table_schema AND q.table_name = the_task.table_name
    AND q.outcome = 'hold' AND NOT q.passed
$$;

CREATE FUNCTION refresh.held_scopes(the_task refresh.refresh_task)
    RETURNS SETOF refresh.refresh_task_scope
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT s.* FROM refresh.refresh_task_scope s
WHERE s.run_id = the_task.run_id AND s.table_schema = the_task.table_schema AND s.table_name = the_task.table_name
    AND (s.action = 'held' AND the_task.status IN ('held', 'warning')
        OR s.action IN ('changed', 'vanished') AND the_task.status = 'held')
$$;

CREATE FUNCTION refresh.hold_to_decide("table" text, run_id uuid)
    RETURNS refresh.refresh_task
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
#variable_conflict use_column
DECLARE
    entry refresh.refresh_table_registry;
    task refresh.refresh_task;
    snapshot timestamptz;
    other uuid;
    refusal refresh.refresh_refusal;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('refresh.request_run', 0));
    SELECT r.* INTO entry FROM refresh.refresh_table_registry r
    WHERE r.table_schema || '.' || r.table_name = hold_to_decide."table" FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not registered: %', "table" USING ERRCODE = 'undefined_table', HINT = 'Name the table as schema.table.';
    END IF;
    IF entry.mode <> 'live' THEN
        PERFORM refresh.refuse_decision('RF004', format('%s has mode %s', "table", entry.mode), 'Set mode to live first.');
    END IF;
    SELECT n.run_id INTO other FROM refresh.refresh_run n
    WHERE n.status = 'running' AND CASE
        WHEN n.planned_at IS NULL THEN n.request -> 'tables' IS NULL OR n.request -> 'tables' ? "table"
        ELSE EXISTS (
            SELECT FROM refresh.refresh_task t
            WHERE t.run_id = n.run_id AND t.table_schema = entry.table_schema AND t.table_name = entry.table_name
                AND t.status IN ('queued', 'running'))
        END
    LIMIT 1;
    IF FOUND THEN
        PERFORM refresh.refuse_decision('RF003', format('%s is being refreshed by run %s', "table", other),
            'Wait for it to end, then look whether the table is still held.');
    END IF;
    -- Without a run, the latest that published, found nothing new, or was held; a try that failed does not hide a hold.
    SELECT t.* INTO task FROM refresh.refresh_task t
    WHERE t.table_schema = entry.table_schema AND t.table_name = entry.table_name
        AND (t.run_id = hold_to_decide.run_id OR hold_to_decide.run_id IS NULL
            AND t.status IN ('success', 'no_new_data', 'warning', 'held') AND t.mode = 'live')
    ORDER BY t.finished_at DESC LIMIT 1;
    IF task.run_id IS NULL OR task.status NOT IN ('held', 'warning')
        OR task.status = 'warning' AND NOT EXISTS (SELECT FROM refresh.held_scopes(task)) THEN
        PERFORM refresh.refuse_decision('RF001', CASE
            WHEN hold_to_decide.run_id IS NULL THEN
                format('%s is not held: %s', "table", coalesce('its latest run ended as ' || task.status, 'it was never refreshed'))
            WHEN task.run_id IS NULL THEN format('run %s has no table %s', hold_to_decide.run_id, "table")
            ELSE format('run %s holds nothing of %s: it ended as %s', task.run_id, "table", task.status) END,
            'See the runs of the table for the one that was held.');
    END IF;
    IF NOT EXISTS (
        SELECT FROM refresh.refresh_data_quality q
        WHERE q.run_id = task.run_id AND q.table_schema = task.table_schema AND q.table_name = task.table_name
            AND q.outcome = 'hold' AND NOT q.passed)
        OR task.mode <> 'live' THEN
        PERFORM refresh.refuse_decision('RF005', format('run %s of %s was held for %s, which no decision about its data can lift',
            task.run_id, "table", task.reason), 'Mend the cause as the error of the run says, then run the table again.');
    END IF;
    SELECT f.* INTO refusal FROM refresh.refresh_refusal f
    WHERE f.run_id = task.run_id AND f.table_schema = task.table_schema AND f.table_name = task.table_name;
    IF FOUND THEN
        PERFORM refresh.refuse_decision('RF007', format('%s refused run %s of %s at %s: %s', refusal.refused_by, task.run_id, "table",
            to_char(refusal.refused_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), refusal.reason),
            'Run the table again: what comes as it was refused is held anew, and that run can be released.');
    END IF;
    SELECT t.run_id INTO other FROM refresh.refresh_run n JOIN refresh.refresh_task t USING (run_id)
    WHERE n.request ->> 'release_of' = task.run_id::text AND n.request ->> 'release' = "table"
        AND t.table_schema = task.table_schema AND t.table_name = task.table_name
        AND t.status IN ('success', 'no_new_data', 'warning') LIMIT 1;
    IF FOUND THEN
        PERFORM refresh.refuse_decision('RF006', format('run %s has released what run %s held of %s', other, task.run_id, "table"),
            'Nothing more has to be done.');
    END IF;
    IF NOT EXISTS (SELECT FROM refresh.held_scopes(task)) THEN
        PERFORM refresh.refuse_decision('RF008', format('what run %s held of %s is not kept any more', task.run_id, "table"),
            'Run the table again.');
    END IF;
    SELECT n.snapshot_at INTO snapshot FROM refresh.refresh_run n WHERE n.run_id = task.run_id;
    IF NOT EXISTS (SELECT FROM refresh.held_scopes(task) s WHERE NOT refresh.is_superseded(s, snapshot)) THEN
        PERFORM refresh.refuse_decision('RF002', format('newer data of %s was published after run %s was held', "table", task.run_id),
            'Nothing of it is to be decided any more.');
    END IF;
    RETURN task;
END $$;

CREATE FUNCTION refresh.insert_backfill_run(backfill uuid, "table" text, scope_from date, scope_to date, requested_by text, only_plan boolean, idempotency_key text DEFAULT NULL::text, request_hash text DEFAULT NULL::text)
    RETURNS uuid
    LANGUAGE sql
    SET search_path=pg_catalog, pg_temp
    AS $$
WITH run AS (
    INSERT INTO refresh.refresh_run (trigger, requested_by, request, idempotency_key, request_hash)
    SELECT 'manual', requested_by, jsonb_strip_nulls(jsonb_build_object('tables', jsonb_build_array("table"),
            'mode', CASE WHEN only_plan THEN 'plan' ELSE 'live' END,
            'backfill', jsonb_build_object('id', backfill, 'from', scope_from, 'to', scope_to))),
        coalesce(idempotency_key, 'backfill:' || gen_random_uuid()), request_hash
    RETURNING run_id
), owed AS (
    INSERT INTO refresh.refresh_outbox (topic, payload)
    SELECT 'refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', run_id) FROM run
)
SELECT run_id FROM run
$$;
REVOKE EXECUTE ON FUNCTION refresh.insert_backfill_run FROM PUBLIC;

CREATE FUNCTION refresh.interval_hours(frequency_hours integer, trigger_hours integer)
    RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((ceil(((frequency_hours)::double precision / (trigger_hours)::double precision)))::integer * trigger_hours);

CREATE FUNCTION refresh.is_number(value jsonb, lowest numeric, highest numeric, whole boolean DEFAULT false)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT CASE WHEN jsonb_typeof(value) = 'number'
    THEN value::numeric BETWEEN lowest AND highest AND (NOT whole OR value::numeric % 1 = 0) ELSE false END
$$;

CREATE FUNCTION refresh.is_rule(rule jsonb, keys text[])
    RETURNS boolean
    LANGUAGE sql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT CASE WHEN jsonb_typeof(rule) = 'object'
    THEN rule - keys - 'outcome' = '{}' AND coalesce(rule -> 'outcome' IN ('"warn"', '"hold"', '"off"'), true) ELSE false END
$$;

CREATE FUNCTION refresh.is_superseded(held refresh.refresh_task_scope, held_snapshot timestamp with time zone)
    RETURNS boolean
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT coalesce(p.snapshot_at > held_snapshot, false) OR (p.fingerprint IS NULL AND EXISTS (
    SELECT FROM refresh.refresh_task t JOIN refresh.refresh_run n USING (run_id)
    WHERE t.table_schema = held.table_schema AND t.table_name = held.table_name AND n.snapshot_at > held_snapshot
        AND t.mode = 'live' AND t.status IN ('success', 'no_new_data', 'warning')
        AND (t.scan_from IS NULL OR held.scope COLLATE "C" >= t.scan_from COLLATE "C")
        AND (n.request -> 'backfill' ->> 'to' IS NULL OR held.scope COLLATE "C" <= (n.request -> 'backfill' ->> 'to') COLLATE "C")))
FROM (VALUES (1)) AS one
LEFT JOIN refresh.refresh_partition_state p
    ON p.table_schema = held.table_schema AND p.table_name = held.table_name AND p.scope IS NOT DISTINCT FROM held.scope
$$;

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

CREATE FUNCTION refresh.key_match(relation regclass, key_columns text[])
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT string_agg(format('t.%1$I OPERATOR(%2$I.%3$s) u.%1$I', a.attname, coalesce(n.nspname, 'pg_catalog'),
    coalesce(o.oprname, '=')), ' AND ' ORDER BY k.position)
FROM unnest(key_columns) WITH ORDINALITY AS k (name, position)
JOIN pg_attribute a ON a.attrelid = relation AND a.attname = k.name AND NOT a.attisdropped
LEFT JOIN pg_opclass c ON c.opcintype = a.atttypid AND c.opcdefault AND c.opcmethod = 403
LEFT JOIN pg_amop m ON m.amopfamily = c.opcfamily AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
    AND m.amopstrategy = 3
LEFT JOIN pg_operator o ON o.oid = m.amopopr
LEFT JOIN pg_namespace n ON n.oid = o.oprnamespace
$$;

CREATE FUNCTION refresh.late_reports()
    RETURNS TABLE("table" text, report text, since timestamp with time zone)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    warehouse text;
BEGIN
    FOR warehouse IN
        SELECT r.table_schema FROM refresh.refresh_table_registry r
        WHERE r.handler = 'search_queries' AND r.table_name = 'search_query_performance' AND r.mode = 'live'
            AND EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = r.table_schema AND p.proname = 'late_reports' AND p.pronargs = 0)
        ORDER BY r.table_schema
    LOOP
        RETURN QUERY EXECUTE format(
            'SELECT %L, concat_ws('' '', l.client_id, l.marketplace_id, l.report_period, l.period_start), l.since FROM %I.late_reports() l',
            warehouse || '.search_query_performance', warehouse);
    END LOOP;
END $$;

CREATE FUNCTION refresh.make_shadow(of_schema text, of_name text)
    RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    relation regclass := to_regclass(format('%I.%I', of_schema, of_name));
    name text := refresh.shadow_name(of_schema, of_name);
    now_shaped text := refresh.table_shape(relation);
    serial record;
BEGIN
    IF EXISTS (
        SELECT FROM refresh.refresh_shadow s WHERE s.table_schema = of_schema AND s.table_name = of_name AND s.shape = now_shaped
            AND to_regclass(format('refresh_shadow.%I', name)) IS NOT NULL
    ) THEN
        RETURN name;
    END IF;
    PERFORM FROM refresh.refresh_table_registry r
    WHERE r.table_schema = of_schema AND r.table_name = of_name AND r.handler <> 'summaries' FOR NO KEY UPDATE;
    IF NOT FOUND OR relation IS NULL THEN
        RAISE EXCEPTION '%.% is not a registered table', of_schema, of_name USING ERRCODE = 'undefined_table',
            HINT = 'Register the table first. A materialized view has no shadow.';
    END IF;
    PERFORM refresh.drop_shadow(of_schema, of_name);
    EXECUTE format('CREATE TABLE refresh_shadow.%I (LIKE %s INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING GENERATED '
        'INCLUDING CONSTRAINTS INCLUDING INDEXES INCLUDING STORAGE)', name, relation);
    FOR serial IN
        SELECT a.attname FROM pg_attribute a JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
        WHERE a.attrelid = relation AND a.attidentity = '' AND pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval(%'
    LOOP
        EXECUTE format('ALTER TABLE refresh_shadow.%1$I ALTER COLUMN %2$I DROP DEFAULT', name, serial.attname);
        IF NOT EXISTS (SELECT FROM refresh.unique_keys(relation) AS k WHERE serial.attname::text = ANY (k)) THEN
            EXECUTE format('ALTER TABLE refresh_shadow.%1$I ALTER COLUMN %2$I DROP NOT NULL', name, serial.attname);
        END IF;
    END LOOP;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON refresh_shadow.%I TO refresh_loader', name);
    INSERT INTO refresh.refresh_shadow (table_schema, table_name, shadow_name, shape) VALUES (of_schema, of_name, name, now_shaped);
    RETURN name;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.make_shadow FROM PUBLIC;

CREATE FUNCTION refresh.make_undo(entry refresh.refresh_table_registry, run uuid)
    RETURNS regclass
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    live regclass := format('%I.%I', entry.table_schema, entry.table_name)::regclass;
    task text := run || '/' || entry.table_schema || '.' || entry.table_name;
    name text := 'undo_' || substr(encode(sha256(convert_to(task, 'UTF8')), 'hex'), 1, 20);
    present boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM %s)', live) INTO present;
    IF entry.rollback_publishes = 0 OR NOT present THEN
        RETURN NULL;
    END IF;
    EXECUTE format('CREATE TABLE refresh_undo.%I WITH (autovacuum_enabled = false) AS SELECT CAST(NULL AS text) AS refresh_undo_kind, %s '
        'FROM %s WITH NO DATA', name, (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = live AND attnum > 0 AND NOT attisdropped AND attgenerated = ''), live);
    EXECUTE format('ALTER TABLE refresh_undo.%I OWNER TO refresh_loader', name);
    RETURN format('refresh_undo.%I', name)::regclass;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.make_undo FROM PUBLIC;

CREATE FUNCTION refresh.merge_shadow(entry refresh.refresh_table_registry, shadow refresh.refresh_shadow, undo regclass, undo_key text[], OUT seen bigint, OUT inserted bigint, OUT updated bigint, OUT deleted bigint)
    RETURNS record
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC SET DateStyle=ISO, YMD
    AS $$
DECLARE
    live regclass := format('%I.%I', entry.table_schema, entry.table_name)::regclass;
    whole boolean := cardinality(undo_key) = 0;
    scope_of_live text := refresh.scope_expression('t', shadow.scope_column, shadow.scope_bucket);
    source text;
    deletable text;
    names text;
    live_row text;
    shadow_row text;
    assignments text;
    kept text;
    kept_of_live text;
    stamped text := coalesce(', ' || quote_ident(entry.loaded_at_column), '');
BEGIN
    source := format('(SELECT s.ctid AS place, s.* FROM refresh_shadow.%I s WHERE %s)', shadow.shadow_name,
        CASE WHEN shadow.scanned_from IS NULL THEN 'true' ELSE format('%s COLLATE "C" >= %L',
            refresh.scope_expression('s', shadow.scope_column, shadow.scope_bucket), shadow.scanned_from) END);
    deletable := format('array_position($1, %s) IS NULL', scope_of_live)
        || CASE WHEN shadow.scanned_from IS NULL THEN '' ELSE format(' AND %s COLLATE "C" >= %L', scope_of_live, shadow.scanned_from) END;
    SELECT string_agg(quote_ident(c), ', '), string_agg(format('t.%I', c), ', '), string_agg(format('u.%I', c), ', '),
        string_agg(format('%1$I = u.%1$I', c), ', ')
    INTO names, live_row, shadow_row, assignments FROM unnest(shadow.columns) AS c;
    DROP TABLE IF EXISTS pg_temp.refresh_promoted;
    IF cardinality(shadow.key_columns) > 0 THEN
        EXECUTE format('CREATE TEMPORARY TABLE refresh_promoted ON COMMIT DROP AS '
            'SELECT u.place, t.tableoid AS live_table, t.ctid AS live FROM %s u FULL JOIN %s t ON %s '
            'WHERE t.tableoid IS NULL OR (u.place IS NULL AND %s) OR (u.place IS NOT NULL AND ROW(%s)::record *<> ROW(%s)::record)',
            source, live, refresh.key_match(live, shadow.key_columns), deletable, live_row, shadow_row) USING shadow.held_scopes;
    ELSE
        -- Equal rows are told apart by number: the n-th of an image here belongs to the n-th there.
        EXECUTE format('CREATE TEMPORARY TABLE refresh_promoted ON COMMIT DROP AS '
            'WITH u AS (SELECT u.place, i.image, row_number() OVER (PARTITION BY i.image) AS n FROM %s u '
            'CROSS JOIN LATERAL (SELECT sha256(convert_to(ROW(%s)::text, ''UTF8'')) AS image) i), '
            't AS (SELECT t.tableoid AS live_table, t.ctid AS live, i.image, row_number() OVER (PARTITION BY i.image) AS n, %s AS goes '
            'FROM %s t CROSS JOIN LATERAL (SELECT sha256(convert_to(ROW(%s)::text, ''UTF8'')) AS image) i) '
            'SELECT u.place, t.live_table, t.live FROM u FULL JOIN t USING (image, n) '
            'WHERE t.live IS NULL OR (u.place IS NULL AND t.goes)',
            source, shadow_row, deletable, live, live_row) USING shadow.held_scopes;
    END IF;
    IF entry.strategy = 'append' THEN
        DELETE FROM refresh_promoted p WHERE p.live IS NOT NULL;
    END IF;
    ANALYZE refresh_promoted;
    IF undo IS NOT NULL THEN
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum), string_agg(format('t.%I', attname), ', ' ORDER BY attnum)
        INTO kept, kept_of_live FROM pg_attribute
        WHERE attrelid = undo AND attnum > 0 AND NOT attisdropped AND attname <> 'refresh_undo_kind';
        EXECUTE format('INSERT INTO %s (refresh_undo_kind, %s) '
            'SELECT CASE WHEN p.place IS NULL OR $1 THEN ''deleted'' ELSE ''updated'' END, %s '
            'FROM refresh_promoted p JOIN %s t ON t.tableoid = p.live_table AND t.ctid = p.live', undo, kept, kept_of_live, live)
        USING whole;
    END IF;
    EXECUTE refresh.counted(format('DELETE FROM %s t USING refresh_promoted p '
        'WHERE p.place IS NULL AND t.tableoid = p.live_table AND t.ctid = p.live', live), NULL, undo, NULL, NULL) INTO deleted;
    EXECUTE refresh.counted(format('UPDATE %s t SET %s%s FROM refresh_promoted p JOIN %s u ON u.place = p.place '
        'WHERE t.tableoid = p.live_table AND t.ctid = p.live', live, assignments,
        coalesce(', ' || quote_ident(entry.loaded_at_column) || ' = now()', ''), source),
        kept_of_live, undo, CASE WHEN whole THEN 'inserted' END, kept) INTO updated;
    IF NOT whole THEN
        SELECT string_agg(quote_ident(k), ', '), string_agg(format('t.%I', k), ', ') INTO kept, kept_of_live FROM unnest(undo_key) AS k;
    END IF;
    EXECUTE refresh.counted(format('INSERT INTO %s AS t (%s%s) SELECT %s%s FROM refresh_promoted p JOIN %s u ON u.place = p.place '
        'WHERE p.live IS NULL', live, names, stamped, shadow_row, CASE WHEN stamped <> '' THEN ', now()' ELSE '' END, source),
        kept_of_live, undo, 'inserted', kept) INTO inserted;
    EXECUTE format('SELECT count(*) FROM %s u', source) INTO seen;
EXCEPTION WHEN unique_violation THEN
    PERFORM refresh.refuse_promotion(format('a row of the shadow breaks a unique rule of %s: %s', live, SQLERRM),
        'A row that the shadow does not cover stands in the way: remove it first.');
END $$;
REVOKE EXECUTE ON FUNCTION refresh.merge_shadow FROM PUBLIC;

CREATE FUNCTION refresh.mode_allows(table_mode text, run_mode text)
    RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE run_mode WHEN 'verify'::text THEN (table_mode = 'live'::text) ELSE COALESCE((array_position(ARRAY['plan'::text, 'dry_run'::text, 'shadow'::text, 'live'::text], run_mode) <= array_position(ARRAY['plan'::text, 'dry_run'::text, 'shadow'::text, 'live'::text], table_mode)), false) END;

CREATE FUNCTION refresh.month_costs(of_month date, until date)
    RETURNS TABLE("table" text, day date, jobs bigint, runs bigint, bytes_billed numeric, usd numeric, bytes_unpriced numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
    AS $$
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

CREATE FUNCTION refresh.note_last_task()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    is_holding boolean := NEW.status IN ('held', 'warning');
BEGIN
    IF EXISTS (SELECT FROM refresh.refresh_run n WHERE n.run_id = NEW.run_id AND n.request ? 'backfill') THEN
        RETURN NULL;
    END IF;
    INSERT INTO refresh.refresh_last_task (run_id, table_schema, table_name, mode, status, reason, error, finished_at, held_checks, held_scopes)
    VALUES (NEW.run_id, NEW.table_schema, NEW.table_name, NEW.mode, NEW.status, NEW.reason, left(NEW.error, 1000), NEW.finished_at,
        CASE WHEN is_holding THEN refresh.held_checks(NEW) END,
        CASE WHEN is_holding THEN (SELECT count(*) FROM refresh.held_scopes(NEW)) ELSE 0 END);
    -- Publish groups are published of one snapshot: what somebody else has removed since would be an error to them.
    IF current_setting('transaction_isolation') = 'read committed' THEN
        DELETE FROM refresh.refresh_last_task WHERE ctid = ANY (ARRAY(
            SELECT l.ctid FROM refresh.refresh_last_task l
            WHERE l.table_schema = NEW.table_schema AND l.table_name = NEW.table_name AND l.mode = NEW.mode AND l.finished_at < NEW.finished_at
            FOR UPDATE SKIP LOCKED));
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.owe_stale_events(as_of timestamp with time zone DEFAULT now())
    RETURNS bigint
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    warehouse text;
    n bigint;
    owed bigint := 0;
BEGIN
    FOR warehouse IN
        SELECT table_schema FROM refresh.refresh_table_registry
        WHERE handler = 'search_queries' AND table_name = 'search_query_performance' AND mode = 'live'
            AND to_regprocedure(format('%I.owe_stale_events(timestamptz)', table_schema)) IS NOT NULL
        ORDER BY table_schema
    LOOP
        EXECUTE format('SELECT %I.owe_stale_events($1)', warehouse) INTO n USING as_of;
        owed := owed + n;
    END LOOP;
    RETURN owed;
END $$;

CREATE FUNCTION refresh.owe_stale_tables(trigger_hours integer)
    RETURNS bigint
    LANGUAGE sql
    SET search_path=pg_catalog, pg_temp
    AS $$
WITH stale AS MATERIALIZED (
    SELECT r.table_schema, r.table_name, r.frequency_hours, r.next_refresh_at, good.data_as_of, coalesce(good.data_as_of, r.created_at) AS since
    FROM refresh.refresh_table_registry r
    CROSS JOIN LATERAL (
        SELECT coalesce(r.scanned_snapshot_at, (
            SELECT coalesce(n.snapshot_at, t.finished_at)
            FROM refresh.refresh_task t
            JOIN refresh.refresh_run n USING (run_id)
            WHERE t.table_schema = r.table_schema AND t.table_name = r.table_name AND t.mode = 'live'
                AND t.status IN ('success', 'no_new_data', 'warning')
            ORDER BY t.finished_at DESC
            LIMIT 1)) AS data_as_of
    ) good
    WHERE r.mode = 'live' AND coalesce(good.data_as_of, r.created_at)
        < now() - make_interval(hours => refresh.interval_hours(r.frequency_hours, owe_stale_tables.trigger_hours) + 1)
), newly AS (
    INSERT INTO refresh.refresh_stale_told AS told (table_schema, table_name, since)
    SELECT s.table_schema, s.table_name, s.since FROM stale s
    ON CONFLICT (table_schema, table_name) DO UPDATE SET since = excluded.since, told_at = excluded.told_at
    WHERE told.since < excluded.since
    RETURNING told.table_schema, told.table_name, told.told_at
), owed AS (
    INSERT INTO refresh.refresh_outbox (topic, payload)
    SELECT 'refresh-events', jsonb_build_object(
        'id', gen_random_uuid(), 'type', 'data.stale',
        'occurred_at', to_char(newly.told_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'run_id', NULL, 'table', newly.table_schema || '.' || newly.table_name,
        'data', jsonb_build_object(
            'data_as_of', to_char(stale.data_as_of AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'frequency_hours', stale.frequency_hours,
            'next_refresh_at', to_char(stale.next_refresh_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
    FROM newly JOIN stale USING (table_schema, table_name)
    RETURNING 1
)
SELECT count(*) FROM owed
$$;

CREATE FUNCTION refresh.promote(target text, force boolean DEFAULT false, reason text DEFAULT NULL::text, requested_by text DEFAULT CURRENT_USER)
    RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp SET lock_timeout=3s
    AS $$
DECLARE
    entry refresh.refresh_table_registry;
    shadow refresh.refresh_shadow;
    live regclass;
    undo regclass;
    undo_key text[];
    run uuid;
    days integer;
    was_empty boolean;
    wrote record;
    said jsonb;
BEGIN
    IF force AND coalesce(reason !~ '\S', true) THEN
        RAISE EXCEPTION 'a forced promotion needs a reason' USING ERRCODE = 'invalid_parameter_value', HINT = 'Say why.';
    END IF;
    entry := refresh.table_to_promote(target);
    SELECT s.* INTO shadow FROM refresh.refresh_shadow s
    WHERE s.table_schema = entry.table_schema AND s.table_name = entry.table_name;
    PERFORM refresh.check_promotion(entry, shadow, force);
    days := refresh.clean_days(entry.table_schema, entry.table_name);
    said := jsonb_strip_nulls(jsonb_build_object('promote', target, 'force', force, 'reason', reason, 'clean_days', days));
    PERFORM set_config('refresh.actor', requested_by, true);
    run := refresh.promoted_run(entry, shadow, said, requested_by);
    live := format('%I.%I', entry.table_schema, entry.table_name)::regclass;
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', live);
    EXECUTE format('SELECT NOT EXISTS (SELECT FROM %s)', live) INTO was_empty;
    undo := refresh.make_undo(entry, run);
    -- A key that may be NULL finds no row again.
    SELECT CASE WHEN bool_and(a.attnotnull) THEN shadow.key_columns ELSE '{}' END INTO undo_key
    FROM unnest(shadow.key_columns) AS k JOIN pg_attribute a ON a.attrelid = live AND a.attname = k;
    undo_key := coalesce(undo_key, '{}');
    SELECT m.* INTO wrote FROM refresh.merge_shadow(entry, shadow, undo, undo_key) AS m;
    PERFORM refresh.record_promotion(entry, run, undo, undo_key, was_empty, wrote.inserted, wrote.updated, wrote.deleted);
    PERFORM refresh.take_over_state(entry, shadow, run);
    -- The shadow is the one slice of this run.
    INSERT INTO refresh.refresh_checkpoint (run_id, table_schema, table_name, slice_no, scope_values, status, rows_expected,
        source_rows_expected, rows_received, rows_read, rows_staged, started_at, finished_at)
    VALUES (run, entry.table_schema, entry.table_name, 0, '{}', 'done', wrote.seen, wrote.seen, wrote.seen, wrote.seen, wrote.seen,
        now(), clock_timestamp());
    UPDATE refresh.refresh_task t
    SET slices_total = 1, status = CASE WHEN wrote.inserted + wrote.updated + wrote.deleted > 0 THEN 'success' ELSE 'no_new_data' END,
        rows_read = wrote.seen, rows_staged = wrote.seen, rows_inserted = wrote.inserted, rows_updated = wrote.updated,
        rows_deleted = wrote.deleted, rows_unchanged = wrote.seen - wrote.inserted - wrote.updated
    WHERE t.run_id = run;
    UPDATE refresh.refresh_run n SET status = 'success', finished_at = clock_timestamp() WHERE n.run_id = run;
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, rows_inserted, rows_updated, rows_deleted, details)
    VALUES (run, entry.table_schema, entry.table_name, 'table_promoted', wrote.inserted, wrote.updated, wrote.deleted,
        said || jsonb_build_object('by', requested_by, 'database_user', session_user, 'clean_days_needed', entry.shadow_clean_days));
    RETURN jsonb_build_object('table', target, 'run_id', run, 'forced', force, 'clean_days', days, 'rows_inserted', wrote.inserted,
        'rows_updated', wrote.updated, 'rows_deleted', wrote.deleted, 'rows_unchanged', wrote.seen - wrote.inserted - wrote.updated);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.promote FROM PUBLIC;

CREATE FUNCTION refresh.promoted_run(entry refresh.refresh_table_registry, shadow refresh.refresh_shadow, asked jsonb, requested_by text)
    RETURNS uuid
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    run uuid := gen_random_uuid();
BEGIN
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key, snapshot_at, planned_at)
    VALUES (run, 'manual', requested_by, asked, 'promote:' || run, shadow.scanned_snapshot_at, now());
    INSERT INTO refresh.refresh_task (run_id, table_schema, table_name, handler, priority, scan_from, details)
    VALUES (run, entry.table_schema, entry.table_name, entry.handler, entry.priority, shadow.scanned_from, asked);
    UPDATE refresh.refresh_task t SET status = 'running', phase = 'publishing', epoch = 1 WHERE t.run_id = run;
    RETURN run;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.promoted_run FROM PUBLIC;

CREATE FUNCTION refresh.publishes_in_the_way(publish refresh.refresh_publish)
    RETURNS SETOF refresh.refresh_publish
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    later refresh.refresh_publish;
    touches boolean;
BEGIN
    FOR later IN
        SELECT * FROM refresh.refresh_publish p
        WHERE p.table_schema = publish.table_schema AND p.table_name = publish.table_name
            AND p.publish_id > publish.publish_id AND p.rolled_back_at IS NULL
        ORDER BY p.publish_id DESC
    LOOP
        -- Into an empty table everything was written; of a publish that kept nothing it is not known what it wrote; and a
        -- scope is vouched for as a whole, by one fingerprint.
        touches := publish.was_empty OR later.was_empty OR later.expired_at IS NOT NULL OR EXISTS (
            SELECT FROM refresh.refresh_publish_scope mine JOIN refresh.refresh_publish_scope theirs
                ON theirs.scope IS NOT DISTINCT FROM mine.scope
            WHERE mine.publish_id = publish.publish_id AND theirs.publish_id = later.publish_id);
        -- A row that moved to another scope is the same row.
        IF NOT touches AND cardinality(publish.key_columns) > 0 AND publish.key_columns = later.key_columns THEN
            EXECUTE format('SELECT EXISTS (SELECT FROM refresh_undo.%I t JOIN refresh_undo.%I u ON %s)',
                publish.undo_table, later.undo_table,
                refresh.key_match(format('refresh_undo.%I', publish.undo_table)::regclass, publish.key_columns))
            INTO touches;
        END IF;
        IF touches THEN
            RETURN NEXT later;
        END IF;
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.publishes_in_the_way FROM PUBLIC;

CREATE FUNCTION refresh.put_rows_back(publish refresh.refresh_publish)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    target regclass := format('%I.%I', publish.table_schema, publish.table_name)::regclass;
    undo regclass;
    missing text;
    names text;
    kept text;
    live text;
    assignments text;
    same_key text;
    n bigint;
BEGIN
    IF publish.was_empty THEN
        EXECUTE format('DELETE FROM %s', target);
        GET DIAGNOSTICS n = ROW_COUNT;
        PERFORM refresh.check_taken_back(publish, 'inserted', n, publish.rows_inserted);
        RETURN;
    END IF;
    undo := format('refresh_undo.%I', publish.undo_table)::regclass;
    SELECT string_agg(u.attname, ', ') FILTER (WHERE t.attname IS NULL),
        string_agg(quote_ident(u.attname), ', ' ORDER BY u.attnum),
        string_agg(format('u.%I::%s', u.attname, format_type(t.atttypid, t.atttypmod)), ', ' ORDER BY u.attnum),
        string_agg(format('t.%I', u.attname), ', ' ORDER BY u.attnum),
        string_agg(format('%1$I = u.%1$I::%2$s', u.attname, format_type(t.atttypid, t.atttypmod)), ', ' ORDER BY u.attnum)
            FILTER (WHERE t.attidentity <> 'a')
    INTO missing, names, kept, live, assignments
    FROM pg_attribute u
    LEFT JOIN pg_attribute t ON t.attrelid = target AND t.attname = u.attname AND t.attnum > 0 AND t.attgenerated = ''
    WHERE u.attrelid = undo AND u.attnum > 0 AND NOT u.attisdropped AND u.attname <> 'refresh_undo_kind';
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION '%.% no longer has %, which run % overwrote', publish.table_schema, publish.table_name, missing, publish.run_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'The rows cannot be put back as they were. Give the table its columns back, or run it with force.';
    END IF;
    EXECUTE format('ANALYZE %s', undo);
    IF cardinality(publish.key_columns) = 0 THEN
        PERFORM refresh.put_rows_back_by_image(publish, target, undo, names, kept, live);
        RETURN;
    END IF;
    same_key := refresh.key_match(target, publish.key_columns);
    EXECUTE format('DELETE FROM %s t USING %s u WHERE u.refresh_undo_kind = ''inserted'' AND %s', target, undo, same_key);
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM refresh.check_taken_back(publish, 'inserted', n, publish.rows_inserted);
    BEGIN
        EXECUTE format('UPDATE %s t SET %s FROM %s u WHERE u.refresh_undo_kind = ''updated'' AND %s',
            target, assignments, undo, same_key);
        GET DIAGNOSTICS n = ROW_COUNT;
    EXCEPTION WHEN unique_violation THEN
        -- Rows that exchange values of another unique index cannot be updated one after the other.
        EXECUTE format('DELETE FROM %s t USING %s u WHERE u.refresh_undo_kind = ''updated'' AND %s', target, undo, same_key);
        GET DIAGNOSTICS n = ROW_COUNT;
        EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s u WHERE u.refresh_undo_kind = ''updated''',
            target, names, kept, undo);
    END;
    PERFORM refresh.check_taken_back(publish, 'updated', n, publish.rows_updated);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s u WHERE u.refresh_undo_kind = ''deleted''',
        target, names, kept, undo);
    EXECUTE format('SELECT count(*) FROM %s t JOIN %s u ON %s WHERE u.refresh_undo_kind <> ''inserted'' '
        'AND NOT ROW(%s)::record *<> ROW(%s)::record', target, undo, same_key, live, kept) INTO n;
    PERFORM refresh.check_taken_back(publish, 'overwrote', n, publish.rows_updated + publish.rows_deleted);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.put_rows_back FROM PUBLIC;

CREATE FUNCTION refresh.put_rows_back_by_image(publish refresh.refresh_publish, target regclass, undo regclass, names text, kept text, live text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    likely text;
    n bigint;
BEGIN
    SELECT format('t.%1$I IN (SELECT %1$I FROM %2$s) OR t.%1$I IS NULL', r.scope_column, undo) INTO likely
    FROM refresh.refresh_table_registry r
    JOIN pg_attribute a ON a.attrelid = undo AND a.attname = r.scope_column
    WHERE r.table_schema = publish.table_schema AND r.table_name = publish.table_name;
    EXECUTE format('WITH written AS ('
        'SELECT i.image, row_number() OVER (PARTITION BY i.image) AS n FROM %2$s u '
        'CROSS JOIN LATERAL (SELECT sha256(convert_to(ROW(%3$s)::text, ''UTF8'')) AS image) i '
        'WHERE u.refresh_undo_kind = ''inserted''), present AS ('
        'SELECT t.tableoid AS live_table, t.ctid AS live, i.image, row_number() OVER (PARTITION BY i.image) AS n FROM %1$s t '
        'CROSS JOIN LATERAL (SELECT sha256(convert_to(ROW(%4$s)::text, ''UTF8'')) AS image) i WHERE %5$s) '
        'DELETE FROM %1$s t USING present p JOIN written w USING (image, n) WHERE t.tableoid = p.live_table AND t.ctid = p.live',
        target, undo, kept, live, coalesce(likely, 'true'));
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM refresh.check_taken_back(publish, 'wrote', n, publish.rows_inserted + publish.rows_updated);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s u WHERE u.refresh_undo_kind = ''deleted''',
        target, names, kept, undo);
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM refresh.check_taken_back(publish, 'overwrote', n, publish.rows_updated + publish.rows_deleted);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.put_rows_back_by_image FROM PUBLIC;

CREATE FUNCTION refresh.put_state_back(publish refresh.refresh_publish)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    -- snapshot_at stays: the source has been looked at then, and nothing older may be published over what is put back.
    UPDATE refresh.refresh_partition_state p
    SET fingerprint = s.fingerprint_before, definition_hash = coalesce(s.definition_hash_before, p.definition_hash),
        rows = coalesce(s.rows_before, 0), rows_quarantined = coalesce(s.rows_quarantined_before, 0),
        run_id = coalesce(s.run_id_before, p.run_id), published_at = coalesce(s.published_at_before, p.published_at),
        refused_fingerprint = coalesce(p.fingerprint, ''),
        refused = p.refused || jsonb_build_object(coalesce(s.fingerprint, ''), p.definition_hash,
            coalesce(p.fingerprint, ''), p.definition_hash),
        refused_at = clock_timestamp()
    FROM refresh.refresh_publish_scope s
    WHERE s.publish_id = publish.publish_id AND p.table_schema = publish.table_schema AND p.table_name = publish.table_name
        AND p.scope IS NOT DISTINCT FROM s.scope;
    -- Rows that were there before the first publish of their scope.
    IF NOT publish.was_empty AND EXISTS (
        SELECT FROM refresh.refresh_publish_scope s WHERE s.publish_id = publish.publish_id AND NOT s.was_published
    ) THEN
        UPDATE refresh.refresh_partition_state p
        SET fingerprint = '', rows = there.rows
        FROM refresh.rows_by_scope(publish.table_schema, publish.table_name) there, refresh.refresh_publish_scope s
        WHERE s.publish_id = publish.publish_id AND NOT s.was_published AND p.scope IS NOT DISTINCT FROM s.scope
            AND p.table_schema = publish.table_schema AND p.table_name = publish.table_name
            AND p.scope IS NOT DISTINCT FROM there.scope;
    END IF;
    DELETE FROM refresh.refresh_publish_scope s WHERE s.publish_id = publish.publish_id;
    UPDATE refresh.refresh_publish p
    SET rolled_back_at = clock_timestamp(), undo_table = NULL, undo_bytes = 0
    WHERE p.publish_id = publish.publish_id;
    IF publish.undo_table IS NOT NULL THEN
        EXECUTE format('DROP TABLE refresh_undo.%I', publish.undo_table);
    END IF;
    UPDATE refresh.refresh_table_registry r
    SET data_version = r.data_version + 1,
        last_data_period = CASE WHEN r.last_data_period IS NOT NULL THEN (
            SELECT max(p.scope) FROM refresh.refresh_partition_state p
            WHERE p.table_schema = r.table_schema AND p.table_name = r.table_name AND p.rows > 0) END,
        last_refreshed_at = CASE WHEN stands.publish_id > publish.publish_id THEN r.last_refreshed_at ELSE (
            SELECT p.last_refreshed_before FROM refresh.refresh_publish p
            WHERE p.table_schema = r.table_schema AND p.table_name = r.table_name AND p.publish_id > coalesce(stands.publish_id, 0)
            ORDER BY p.publish_id LIMIT 1) END
    FROM (
        SELECT max(p.publish_id) AS publish_id FROM refresh.refresh_publish p
        WHERE p.table_schema = publish.table_schema AND p.table_name = publish.table_name AND p.rolled_back_at IS NULL
    ) stands
    WHERE r.table_schema = publish.table_schema AND r.table_name = publish.table_name;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.put_state_back FROM PUBLIC;

CREATE FUNCTION refresh.quantiles(ascending integer[])
    RETURNS integer[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT CASE WHEN cardinality(ascending) <= 200 THEN ascending
    ELSE ARRAY(SELECT ascending[ceil((part - 0.5) * cardinality(ascending) / 200)::integer] FROM generate_series(1, 200) AS part)
END $$;

CREATE FUNCTION refresh.raise_input_version()
    RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM refresh.refresh_input_version v
        WHERE v.table_schema = TG_TABLE_SCHEMA AND v.table_name = TG_TABLE_NAME
            AND v.changed_by_transaction = pg_current_xact_id()
    ) THEN
        INSERT INTO refresh.refresh_input_version AS v (table_schema, table_name, changed_by_transaction)
        VALUES (TG_TABLE_SCHEMA, TG_TABLE_NAME, pg_current_xact_id())
        ON CONFLICT (table_schema, table_name) DO UPDATE
        SET version = v.version + 1, changed_by_transaction = EXCLUDED.changed_by_transaction,
            changed_at = EXCLUDED.changed_at;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.record_promotion(entry refresh.refresh_table_registry, run uuid, undo regclass, undo_key text[], was_empty boolean, inserted bigint, updated bigint, deleted bigint)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    publish bigint;
BEGIN
    IF inserted + updated + deleted = 0 THEN
        IF undo IS NOT NULL THEN
            EXECUTE format('DROP TABLE %s', undo);
        END IF;
        RETURN;
    END IF;
    INSERT INTO refresh.refresh_publish (run_id, table_schema, table_name, was_empty, rows_inserted, rows_updated, rows_deleted,
        key_columns, undo_table, undo_bytes, last_refreshed_before, scanned_snapshot_before, expired_at)
    VALUES (run, entry.table_schema, entry.table_name, was_empty, inserted, updated, deleted,
        CASE WHEN undo IS NULL THEN '{}' ELSE undo_key END, (SELECT c.relname FROM pg_class c WHERE c.oid = undo),
        coalesce(pg_total_relation_size(undo), 0), entry.last_refreshed_at, entry.scanned_snapshot_at,
        CASE WHEN entry.rollback_publishes = 0 THEN clock_timestamp() END)
    RETURNING publish_id INTO publish;
    INSERT INTO refresh.refresh_publish_scope (publish_id, scope, fingerprint, was_published, fingerprint_before,
        definition_hash_before, rows_before, rows_quarantined_before, run_id_before, published_at_before)
    SELECT publish, s.scope, s.fingerprint, p.run_id IS NOT NULL, p.fingerprint, p.definition_hash, p.rows, p.rows_quarantined,
        p.run_id, p.published_at
    FROM refresh.refresh_shadow_state s
    LEFT JOIN refresh.refresh_partition_state p
        ON p.table_schema = s.table_schema AND p.table_name = s.table_name AND p.scope IS NOT DISTINCT FROM s.scope
    WHERE entry.rollback_publishes > 0 AND s.table_schema = entry.table_schema AND s.table_name = entry.table_name;
    PERFORM refresh.expire_publishes(entry.table_schema, entry.table_name, entry.rollback_publishes);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.record_promotion FROM PUBLIC;

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

CREATE FUNCTION refresh.refresh_views_over(tables text[], in_run uuid)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    view record;
    versions jsonb;
    started timestamptz;
    n bigint;
BEGIN
    FOR view IN SELECT * FROM refresh.views_over(tables) ORDER BY depth, view_schema, view_name LOOP
        started := clock_timestamp();
        -- Read before the view is computed, so never newer than what it shows.
        SELECT jsonb_object_agg(known.key, coalesce(r.data_version, known.value::bigint)) INTO versions
        FROM refresh.materialized_view_refresh_status s
        CROSS JOIN LATERAL jsonb_each_text(s.input_versions) AS known
        LEFT JOIN refresh.refresh_table_registry r ON r.table_schema || '.' || r.table_name = known.key
        WHERE s.table_schema = view.view_schema AND s.table_name = view.view_name;
        n := refresh.refresh_view(view.view_schema, view.view_name);
        UPDATE refresh.refresh_table_registry r SET data_version = r.data_version + 1
        WHERE r.table_schema = view.view_schema AND r.table_name = view.view_name;
        UPDATE refresh.materialized_view_refresh_status s
        SET last_refreshed_at = clock_timestamp(), rows = n, is_concurrent = true, run_id = in_run, last_error = NULL,
            duration_ms = (extract(epoch FROM clock_timestamp() - started) * 1000)::bigint,
            input_versions = coalesce(versions, '{}')
        WHERE s.table_schema = view.view_schema AND s.table_name = view.view_name;
    END LOOP;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.refresh_views_over FROM PUBLIC;

CREATE FUNCTION refresh.refuse("table" text, reason text, run_id uuid DEFAULT NULL::uuid, requested_by text DEFAULT CURRENT_USER)
    RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp SET lock_timeout=5s
    AS $$
DECLARE
    task refresh.refresh_task := refresh.hold_to_decide("table", run_id);
    n integer;
BEGIN
    IF coalesce(btrim(refuse.reason), '') = '' THEN
        RAISE EXCEPTION 'a refusal needs a reason' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Say in a sentence what is wrong with the delivery.';
    END IF;
    -- A scope that was never published gets a state that no run takes for a publish: empty, and older than any snapshot.
    INSERT INTO refresh.refresh_partition_state AS p (table_schema, table_name, scope, fingerprint, definition_hash, snapshot_at,
        rows, run_id, refused_fingerprint, refused, refused_why, refused_at)
    SELECT s.table_schema, s.table_name, s.scope, s.published_fingerprint, '', to_timestamp(0), s.published_rows, s.run_id,
        coalesce(s.fingerprint, ''), jsonb_build_object(coalesce(s.fingerprint, ''), task.definition_hash),
        jsonb_build_object(coalesce(s.fingerprint, ''), 'refused'), clock_timestamp()
    FROM refresh.held_scopes(task) s
    ON CONFLICT (table_schema, table_name, scope) DO UPDATE
    SET refused_fingerprint = excluded.refused_fingerprint, refused = p.refused || excluded.refused,
        refused_why = p.refused_why || excluded.refused_why, refused_at = excluded.refused_at;
    GET DIAGNOSTICS n = ROW_COUNT;
    INSERT INTO refresh.refresh_refusal (run_id, table_schema, table_name, refused_by, reason, scopes)
    VALUES (task.run_id, task.table_schema, task.table_name, refuse.requested_by, refuse.reason, n);
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, details)
    VALUES (task.run_id, task.table_schema, task.table_name, 'hold_refused',
        refresh.actor() || jsonb_build_object('by', refuse.requested_by, 'why', refuse.reason, 'scopes', n));
    IF task.staging_table IS NOT NULL THEN
        EXECUTE format('DROP TABLE IF EXISTS refresh_staging.%I', task.staging_table);
    END IF;
    DELETE FROM refresh.refresh_task_definition d
    WHERE (d.run_id, d.table_schema, d.table_name) = (task.run_id, task.table_schema, task.table_name);
    RETURN n;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.refuse FROM PUBLIC;

CREATE FUNCTION refresh.refuse_change()
    RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION refresh.refuse_decision(code text, problem text, remedy text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    RAISE EXCEPTION '%', problem USING ERRCODE = code, HINT = remedy;
END $$;

CREATE FUNCTION refresh.refuse_detours()
    RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    around text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('refresh.refresh_dependency', 0));
    IF NOT EXISTS (SELECT FROM refresh.refresh_table_registry r WHERE r.publish_group IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    WITH RECURSIVE unit AS (
        SELECT r.table_schema, r.table_name, r.publish_group IS NOT NULL AS is_group,
            coalesce(r.publish_group, r.table_schema || '.' || r.table_name) AS name
        FROM refresh.refresh_table_registry r
    ), edge AS (
        SELECT DISTINCT a.name AS dependent, a.is_group, b.name AS input
        FROM refresh.refresh_dependency d
        JOIN unit a ON (a.table_schema, a.table_name) = (d.table_schema, d.table_name)
        JOIN unit b ON (b.table_schema, b.table_name) = (d.depends_on_schema, d.depends_on_name)
        WHERE a.name <> b.name
    ), reached AS (
        SELECT dependent AS start, input AS at FROM edge WHERE is_group
        UNION
        SELECT r.start, e.input FROM reached r JOIN edge e ON e.dependent = r.at
    )
    SELECT string_agg(start, ', ' ORDER BY start) INTO around FROM reached WHERE at = start;
    IF around IS NOT NULL THEN
        RAISE EXCEPTION 'publish group % would wait for itself by way of tables outside of it', around USING ERRCODE = 'check_violation',
            HINT = 'Put the tables in between into the publish group too, or remove one of the dependencies.';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION refresh.refuse_old_snapshots(relation regclass)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM FROM pg_stat_activity
    WHERE datid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND backend_type = 'client backend' AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid();
    IF FOUND THEN
        RAISE EXCEPTION '% cannot be written anew while other transactions read as of an earlier moment', relation
            USING ERRCODE = 'lock_not_available';
    END IF;
END $$;

CREATE FUNCTION refresh.refuse_promotion(problem text, remedy text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    RAISE EXCEPTION '%', problem USING ERRCODE = 'object_not_in_prerequisite_state', HINT = remedy;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.refuse_promotion FROM PUBLIC;

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

CREATE FUNCTION refresh.refuse_rollback(problem text, remedy text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    RAISE EXCEPTION '%', problem USING ERRCODE = 'object_not_in_prerequisite_state', HINT = remedy;
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

CREATE FUNCTION refresh.register_table(table_schema text, table_name text, source text DEFAULT NULL::text, handler text DEFAULT 'generic'::text, column_map jsonb DEFAULT '{}'::jsonb, key_columns text[] DEFAULT '{}'::text[], scope_column text DEFAULT NULL::text, scope_bucket text DEFAULT NULL::text, strategy text DEFAULT 'merge'::text, mode text DEFAULT 'live'::text, priority integer DEFAULT 100, frequency_hours integer DEFAULT 24, lookback integer DEFAULT NULL::integer, slice_target_rows integer DEFAULT 250000, parallelism integer DEFAULT 1, max_bytes_billed bigint DEFAULT NULL::bigint, checks jsonb DEFAULT '{}'::jsonb, nul_policies jsonb DEFAULT '{}'::jsonb, loaded_at_column text DEFAULT NULL::text, depends_on jsonb DEFAULT NULL::jsonb, rollback_publishes integer DEFAULT 7, drift_policies jsonb DEFAULT '{}'::jsonb, max_bytes_billed_per_day bigint DEFAULT NULL::bigint, shadow_clean_days integer DEFAULT 14, shadow_tolerances jsonb DEFAULT '{}'::jsonb, publish_group text DEFAULT NULL::text)
    RETURNS refresh.refresh_table_registry
    LANGUAGE sql
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT * FROM refresh.register_options(table_schema, table_name, jsonb_build_object(
    'source', source, 'handler', handler, 'column_map', column_map, 'key_columns', key_columns,
    'scope_column', scope_column, 'scope_bucket', scope_bucket, 'strategy', strategy, 'mode', mode,
    'priority', priority, 'frequency_hours', frequency_hours, 'lookback', lookback,
    'slice_target_rows', slice_target_rows, 'parallelism', parallelism, 'max_bytes_billed', max_bytes_billed,
    'checks', checks, 'nul_policies', nul_policies, 'loaded_at_column', loaded_at_column, 'depends_on', depends_on,
    'rollback_publishes', rollback_publishes, 'drift_policies', drift_policies,
    'max_bytes_billed_per_day', max_bytes_billed_per_day, 'shadow_clean_days', shadow_clean_days,
    'shadow_tolerances', shadow_tolerances,
    'publish_group', publish_group))
$$;

CREATE FUNCTION refresh.release("table" text, run_id uuid DEFAULT NULL::uuid, requested_by text DEFAULT CURRENT_USER, idempotency_key text DEFAULT NULL::text, request_hash text DEFAULT NULL::text)
    RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    task refresh.refresh_task := refresh.hold_to_decide("table", run_id);
    the_run uuid := gen_random_uuid();
    snapshot timestamptz;
BEGIN
    SELECT n.snapshot_at INTO snapshot FROM refresh.refresh_run n WHERE n.run_id = task.run_id;
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key, request_hash)
    VALUES (the_run, 'manual', release.requested_by, jsonb_build_object(
            'tables', ARRAY(SELECT refresh.tables_behind(task)), 'release', "table", 'release_of', task.run_id, 'snapshot_at', snapshot),
        coalesce(release.idempotency_key, 'manual:' || the_run), release.request_hash);
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', the_run));
    INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, details)
    VALUES (task.run_id, task.table_schema, task.table_name, 'hold_released',
        refresh.actor() || jsonb_build_object('by', release.requested_by, 'released_by_run', the_run));
    RETURN the_run;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.release FROM PUBLIC;

CREATE FUNCTION refresh.replay_quarantine("table" text, requested_by text DEFAULT CURRENT_USER, idempotency_key text DEFAULT NULL::text, request_hash text DEFAULT NULL::text)
    RETURNS uuid
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    entry refresh.refresh_table_registry;
    the_run uuid := gen_random_uuid();
    other uuid;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('refresh.request_run', 0));
    SELECT r.* INTO entry FROM refresh.refresh_table_registry r
    WHERE r.table_schema || '.' || r.table_name = replay_quarantine."table";
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not registered: %', "table" USING ERRCODE = 'undefined_table', HINT = 'Name the table as schema.table.';
    ELSIF entry.mode <> 'live' THEN
        PERFORM refresh.refuse_decision('RF004', format('%s has mode %s', "table", entry.mode), 'Set mode to live first.');
    END IF;
    SELECT n.run_id INTO other FROM refresh.refresh_run n
    WHERE n.status = 'running' AND CASE
        WHEN n.planned_at IS NULL THEN n.request -> 'tables' IS NULL OR n.request -> 'tables' ? "table"
        ELSE EXISTS (
            SELECT FROM refresh.refresh_task t
            WHERE t.run_id = n.run_id AND t.table_schema = entry.table_schema AND t.table_name = entry.table_name
                AND t.status IN ('queued', 'running'))
        END
    LIMIT 1;
    IF FOUND THEN
        PERFORM refresh.refuse_decision('RF003', format('%s is being refreshed by run %s', "table", other), 'Wait for it to end.');
    END IF;
    IF NOT EXISTS (
        SELECT FROM refresh.refresh_quarantine q JOIN refresh.refresh_task t USING (run_id, table_schema, table_name)
        WHERE q.table_schema = entry.table_schema AND q.table_name = entry.table_name AND q.resolved_at IS NULL AND t.mode = 'live') THEN
        PERFORM refresh.refuse_decision('RF009', format('no row of %s is in quarantine', "table"), 'Nothing has to be done.');
    END IF;
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key, request_hash)
    VALUES (the_run, 'manual', replay_quarantine.requested_by, jsonb_build_object(
            'tables', array_prepend("table", ARRAY(SELECT refresh.views_over_table(entry.table_schema, entry.table_name))),
            'replay_quarantine', "table"),
        coalesce(replay_quarantine.idempotency_key, 'manual:' || the_run), replay_quarantine.request_hash);
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', the_run));
    RETURN the_run;
END $$;

CREATE FUNCTION refresh.request_backfill("table" text, "from" date, "to" date, visible text DEFAULT 'end'::text, requested_by text DEFAULT CURRENT_USER, idempotency_key text DEFAULT NULL::text, request_hash text DEFAULT NULL::text)
    RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    entry refresh.refresh_table_registry;
    type text;
    made uuid := gen_random_uuid();
BEGIN
    SELECT * INTO entry FROM refresh.refresh_table_registry r WHERE r.table_schema || '.' || r.table_name = "table";
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not registered: %', "table"
            USING ERRCODE = 'undefined_table', HINT = 'Register the table first, or name it as schema.table.';
    END IF;
    type := refresh.column_type(to_regclass(format('%I.%I', entry.table_schema, entry.table_name)), entry.scope_column);
    IF entry.mode <> 'live' OR type IS NULL OR type NOT IN ('date', 'timestamp', 'timestamptz')
        OR starts_with(entry.scope_bucket, 'hash:') OR entry.strategy = 'replace' THEN
        RAISE EXCEPTION '%: a backfill needs a live table whose scopes are dates', "table"
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Set scope_column to a date, mode to live, and strategy to merge or append; or refresh the table as a whole.';
    END IF;
    IF "from" IS NULL OR "to" IS NULL OR "from" > "to" OR visible IS NULL OR visible NOT IN ('slice', 'end') THEN
        RAISE EXCEPTION '%: cannot be filled from % to %, visible at each %', "table", "from", "to", visible
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'Name two days, the first one first, and visible slice or end.';
    END IF;
    IF EXISTS (SELECT FROM refresh.refresh_backfill b WHERE b.status = 'running'
        AND (b.table_schema, b.table_name) = (entry.table_schema, entry.table_name)) THEN
        RAISE EXCEPTION '%: is being filled already', "table" USING ERRCODE = 'object_in_use',
            HINT = 'Wait for the end of that backfill, or cancel it: refresh.cancel_backfill.';
    END IF;
    INSERT INTO refresh.refresh_backfill (backfill_id, table_schema, table_name, scope_from, scope_to, visible, requested_by, run_id)
    VALUES (made, entry.table_schema, entry.table_name, "from", "to", visible, request_backfill.requested_by,
        refresh.insert_backfill_run(made, "table", "from", "to", request_backfill.requested_by, visible = 'slice',
            request_backfill.idempotency_key, request_backfill.request_hash));
    INSERT INTO refresh.refresh_audit_log (table_schema, table_name, event, details)
    VALUES (entry.table_schema, entry.table_name, 'backfill_requested', refresh.actor() || jsonb_build_object(
        'by', request_backfill.requested_by, 'backfill', made, 'from', "from", 'to', "to", 'visible', visible));
    RETURN made;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.request_backfill FROM PUBLIC;

CREATE FUNCTION refresh.request_run(tables text[] DEFAULT NULL::text[], force boolean DEFAULT false, requested_by text DEFAULT CURRENT_USER, idempotency_key text DEFAULT NULL::text, mode text DEFAULT NULL::text)
    RETURNS uuid
    LANGUAGE plpgsql
    SET search_path=pg_catalog
    AS $$
DECLARE
    the_run uuid := gen_random_uuid();
    missing text;
BEGIN
    IF mode NOT IN ('live', 'shadow', 'dry_run', 'plan') THEN
        RAISE EXCEPTION 'mode is %', mode USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Set mode to live, shadow, dry_run or plan, or leave it out: each table is then refreshed as it is registered.';
    END IF;
    SELECT string_agg(wanted, ', ') INTO missing FROM unnest(tables) AS wanted
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_table_registry r WHERE r.table_schema || '.' || r.table_name = wanted);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'not registered: %', missing
            USING ERRCODE = 'undefined_table', HINT = 'Register the table first, or name it as schema.table.';
    END IF;
    INSERT INTO refresh.refresh_run (run_id, trigger, requested_by, request, idempotency_key)
    VALUES (the_run, 'manual', requested_by,
        jsonb_strip_nulls(jsonb_build_object('tables', to_jsonb(tables), 'force', force, 'mode', mode)),
        coalesce(idempotency_key, 'manual:' || the_run));
    INSERT INTO refresh.refresh_outbox (topic, payload)
    VALUES ('refresh-schedule', jsonb_build_object('version', 1, 'kind', 'manual', 'run_id', the_run));
    RETURN the_run;
END $$;

CREATE FUNCTION refresh.rfc3339(moment timestamp with time zone)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN replace(to_char((moment AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'::text), '.000000Z'::text, 'Z'::text);

CREATE FUNCTION refresh.roll_back(run_id uuid, tables text[] DEFAULT NULL::text[], requested_by text DEFAULT CURRENT_USER, reason text DEFAULT NULL::text)
    RETURNS SETOF refresh.refresh_publish
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp SET lock_timeout=3s SET TimeZone=UTC
    AS $$
#variable_conflict use_column
DECLARE
    chosen text[];
    unknown text;
    publish refresh.refresh_publish;
BEGIN
    -- What others have committed while a lock was waited for has to be seen.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'a run cannot be taken back at isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'feature_not_supported', HINT = 'Use READ COMMITTED.';
    END IF;
    SELECT array_agg(p.table_schema || '.' || p.table_name) INTO chosen FROM refresh.refresh_publish p
    WHERE p.run_id = roll_back.run_id AND CASE WHEN roll_back.tables IS NULL THEN p.rolled_back_at IS NULL
        ELSE p.table_schema || '.' || p.table_name = ANY (roll_back.tables) END;
    IF chosen IS NULL AND roll_back.tables IS NULL THEN
        SELECT array_agg(p.table_schema || '.' || p.table_name) INTO chosen FROM refresh.refresh_publish p
        WHERE p.run_id = roll_back.run_id;
    END IF;
    SELECT string_agg(wanted, ', ') INTO unknown FROM unnest(roll_back.tables) AS wanted
    WHERE wanted IS NULL OR wanted <> ALL (coalesce(chosen, '{}'));
    IF chosen IS NULL OR unknown IS NOT NULL THEN
        RAISE EXCEPTION 'run % has published no rows%', roll_back.run_id, coalesce(' of ' || unknown, '')
            USING ERRCODE = 'no_data_found', HINT = 'What can be taken back stands in refresh.refresh_publish. '
                'Materialized views follow the tables that they are computed from.';
    END IF;
    PERFORM FROM refresh.refresh_table_registry r
    WHERE r.table_schema || '.' || r.table_name = ANY (chosen)
        OR (r.table_schema, r.table_name) IN (SELECT view_schema, view_name FROM refresh.views_over(chosen))
    ORDER BY r.table_schema, r.table_name
    FOR NO KEY UPDATE;
    PERFORM refresh.check_rollback(roll_back.run_id, chosen, roll_back.tables);
    FOR publish IN
        SELECT * FROM refresh.refresh_publish p
        WHERE p.run_id = roll_back.run_id AND p.table_schema || '.' || p.table_name = ANY (chosen)
        ORDER BY p.table_schema, p.table_name
    LOOP
        EXECUTE format('LOCK TABLE %I.%I IN SHARE ROW EXCLUSIVE MODE', publish.table_schema, publish.table_name);
        PERFORM refresh.put_rows_back(publish);
        PERFORM refresh.put_state_back(publish);
        UPDATE refresh.refresh_publish p SET rolled_back_by = roll_back.requested_by, rollback_reason = roll_back.reason
        WHERE p.publish_id = publish.publish_id RETURNING * INTO publish;
        PERFORM refresh.tell_rollback(publish);
        RETURN NEXT publish;
    END LOOP;
    PERFORM refresh.refresh_views_over(chosen, roll_back.run_id);
    INSERT INTO refresh.refresh_audit_log (run_id, event, details)
    VALUES (roll_back.run_id, 'run_rolled_back', jsonb_build_object('by', roll_back.requested_by, 'database_user', session_user,
        'reason', roll_back.reason, 'tables', to_jsonb(chosen)));
END $$;
REVOKE EXECUTE ON FUNCTION refresh.roll_back FROM PUBLIC;

CREATE FUNCTION refresh.roll_up_costs(of_month date)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
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
    INSERT INTO refresh.refresh_day (day, by_status, by_status_not_live, rows_read, rows_inserted, rows_updated, rows_deleted, rows_quarantined,
        bytes_billed, durations, p50_ms, p95_ms, quantiles_ms)
    SELECT d::date,
        coalesce((SELECT jsonb_object_agg(s.status, s.tasks) FROM (
            SELECT t.status, count(*) AS tasks FROM refresh.refresh_task t
            WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day' AND t.mode = 'live' GROUP BY t.status) s), '{}'),
        coalesce((SELECT jsonb_object_agg(s.status, s.tasks) FROM (
            SELECT t.status, count(*) AS tasks FROM refresh.refresh_task t
            WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day' AND t.mode <> 'live' GROUP BY t.status) s), '{}'),
        sums.rows_read, sums.rows_inserted, sums.rows_updated, sums.rows_deleted, sums.rows_quarantined, sums.bytes_billed,
        cardinality(sums.ascending), sums.ascending[ceil(cardinality(sums.ascending) * 0.50)::integer],
        sums.ascending[ceil(cardinality(sums.ascending) * 0.95)::integer], refresh.quantiles(sums.ascending)
    FROM generate_series(covered_from, open_day - 1, interval '1 day') AS d
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(t.rows_read) FILTER (WHERE t.mode = 'live'), 0) AS rows_read,
            coalesce(sum(t.rows_inserted) FILTER (WHERE t.mode = 'live'), 0) AS rows_inserted,
            coalesce(sum(t.rows_updated) FILTER (WHERE t.mode = 'live'), 0) AS rows_updated,
            coalesce(sum(t.rows_deleted) FILTER (WHERE t.mode = 'live'), 0) AS rows_deleted,
            coalesce(sum(t.rows_quarantined) FILTER (WHERE t.mode = 'live'), 0) AS rows_quarantined,
            coalesce(sum(t.bytes_billed), 0) AS bytes_billed,
            coalesce(array_agg(refresh.duration_ms(t.started_at, t.finished_at)
                ORDER BY refresh.duration_ms(t.started_at, t.finished_at)) FILTER (WHERE t.started_at IS NOT NULL AND t.mode = 'live'), '{}')
                AS ascending
        FROM refresh.refresh_task t
        WHERE t.finished_at >= d AND t.finished_at < d + interval '1 day'
    ) sums
    WHERE NOT EXISTS (SELECT FROM refresh.refresh_day r WHERE r.day = d::date)
    ON CONFLICT (day) DO NOTHING;
END $$;

CREATE FUNCTION refresh.rows_by_scope(of_schema text, of_name text)
    RETURNS TABLE(scope text, rows bigint)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
    AS $$
DECLARE
    relation regclass := format('%I.%I', of_schema, of_name)::regclass;
    value text;
BEGIN
    SELECT CASE
        WHEN r.scope_column IS NULL OR r.strategy = 'replace' THEN 'NULL::text'
        WHEN r.scope_bucket IS NULL THEN format('t.%I::text', r.scope_column)
        WHEN starts_with(r.scope_bucket, 'hash:') THEN
            format('((''x'' || substr(md5(t.%I::text), 1, 8))::bit(32)::bigint %% %s)::text', r.scope_column, substr(r.scope_bucket, 6))
        WHEN r.scope_bucket = 'day' THEN format('t.%I::date::text', r.scope_column)
        WHEN r.scope_bucket = 'week' THEN
            format('(t.%1$I::date - extract(dow FROM t.%1$I::date)::integer)::text', r.scope_column)
        ELSE format('date_trunc(''month'', t.%I::date)::date::text', r.scope_column)
    END INTO value
    FROM refresh.refresh_table_registry r WHERE r.table_schema = of_schema AND r.table_name = of_name;
    RETURN QUERY EXECUTE format('SELECT %s, count(*) FROM %s t GROUP BY 1', value, relation);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.rows_by_scope FROM PUBLIC;

CREATE FUNCTION refresh.scope_expression(alias text, scope_column text, scope_bucket text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT CASE
    WHEN scope_column IS NULL THEN 'NULL::text'
    WHEN scope_bucket IS NULL THEN format('%I.%I::text', alias, scope_column)
    WHEN starts_with(scope_bucket, 'hash:') THEN format('((''x'' || substr(md5(%I.%I::text), 1, 8))::bit(32)::bigint %% %s)::text',
        alias, scope_column, substr(scope_bucket, 6)::integer)
    WHEN scope_bucket = 'day' THEN format('%I.%I::date::text', alias, scope_column)
    WHEN scope_bucket = 'week' THEN
        format('(%1$I.%2$I::date - extract(dow FROM %1$I.%2$I::date)::integer)::text', alias, scope_column)
    ELSE format('date_trunc(''month'', %I.%I::date)::date::text', alias, scope_column) END
$$;

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

CREATE FUNCTION refresh.shadow_name(of_schema text, of_name text)
    RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN CASE WHEN ((octet_length(of_schema) + octet_length(of_name)) < 63) THEN ((of_schema || '.'::text) || of_name) ELSE ('shadow_'::text || encode(substr(sha256(convert_to(((of_schema || '.'::text) || of_name), 'UTF8'::name)), 1, 20), 'hex'::text)) END;

CREATE FUNCTION refresh.shown_webhook(entry refresh.webhook_endpoint)
    RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT jsonb_build_object('url', entry.url, 'kind', entry.kind, 'description', entry.description,
    'events', entry.events, 'tables', entry.tables)
$$;

CREATE FUNCTION refresh.table_shape(relation regclass)
    RETURNS text
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END,
    ', ' ORDER BY attname)
    || coalesce('; ' || (SELECT string_agg(array_to_string(k, '+'), ', ' ORDER BY k) FROM refresh.unique_keys(relation) AS k), '')
FROM pg_attribute WHERE attrelid = relation AND attnum > 0 AND NOT attisdropped
$$;

CREATE FUNCTION refresh.table_to_promote(target text)
    RETURNS refresh.refresh_table_registry
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    entry refresh.refresh_table_registry;
BEGIN
    -- What others have committed while a lock was waited for has to be seen.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'a table cannot be promoted or demoted at isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'feature_not_supported', HINT = 'Use READ COMMITTED.';
    END IF;
    SELECT r.* INTO entry FROM refresh.refresh_table_registry r
    WHERE r.table_schema || '.' || r.table_name = target FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not registered: %', target USING ERRCODE = 'undefined_table', HINT = 'Name the table as schema.table.';
    END IF;
    RETURN entry;
END $$;
REVOKE EXECUTE ON FUNCTION refresh.table_to_promote FROM PUBLIC;

CREATE FUNCTION refresh.tables_behind(task refresh.refresh_task)
    RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
WITH RECURSIVE behind (table_schema, table_name) AS (
    SELECT task.table_schema, task.table_name
    UNION
    SELECT r.table_schema, r.table_name
    FROM behind b
    JOIN refresh.refresh_dependency d ON (d.depends_on_schema, d.depends_on_name) = (b.table_schema, b.table_name)
    JOIN refresh.refresh_table_registry r ON (r.table_schema, r.table_name) = (d.table_schema, d.table_name)
    LEFT JOIN refresh.refresh_task t
        ON (t.table_schema, t.table_name) = (r.table_schema, r.table_name) AND t.run_id = task.run_id
    WHERE r.mode = 'live' AND (r.handler = 'summaries'
        OR d.kind = 'hard' AND t.status = 'skipped' AND NOT EXISTS (
            SELECT FROM refresh.refresh_run n
            WHERE n.run_id = task.run_id AND r.scanned_snapshot_at > n.snapshot_at))
)
SELECT table_schema || '.' || table_name FROM behind ORDER BY 1
$$;

CREATE FUNCTION refresh.take_over_state(entry refresh.refresh_table_registry, shadow refresh.refresh_shadow, run uuid)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    INSERT INTO refresh.refresh_partition_state AS p (table_schema, table_name, scope, fingerprint, definition_hash, snapshot_at,
        rows, rows_quarantined, run_id)
    SELECT s.table_schema, s.table_name, s.scope, s.fingerprint, s.definition_hash, s.snapshot_at, s.rows, s.rows_quarantined, run
    FROM refresh.refresh_shadow_state s
    WHERE s.table_schema = entry.table_schema AND s.table_name = entry.table_name
        AND (shadow.scanned_from IS NULL OR s.scope COLLATE "C" >= shadow.scanned_from COLLATE "C")
    ON CONFLICT (table_schema, table_name, scope) DO UPDATE
    SET fingerprint = excluded.fingerprint, definition_hash = excluded.definition_hash, snapshot_at = excluded.snapshot_at,
        rows = excluded.rows, rows_quarantined = excluded.rows_quarantined, run_id = excluded.run_id,
        published_at = clock_timestamp(), refused_fingerprint = NULL, refused = '{}', refused_at = NULL;
    UPDATE refresh.refresh_shadow s SET promoted_by_transaction = pg_current_xact_id()
    WHERE s.table_schema = entry.table_schema AND s.table_name = entry.table_name;
    UPDATE refresh.refresh_table_registry r
    SET mode = 'live', last_refreshed_at = clock_timestamp(), data_version = r.data_version + 1,
        last_data_period = coalesce(shadow.last_data_period, r.last_data_period),
        scanned_snapshot_at = shadow.scanned_snapshot_at, scanned_from = shadow.scanned_from
    WHERE r.table_schema = entry.table_schema AND r.table_name = entry.table_name;
    PERFORM refresh.drop_shadow(entry.table_schema, entry.table_name);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.take_over_state FROM PUBLIC;

CREATE FUNCTION refresh.tell_rollback(publish refresh.refresh_publish)
    RETURNS void
    LANGUAGE sql
    SET search_path=pg_catalog, pg_temp SET TimeZone=UTC
    AS $$
INSERT INTO refresh.refresh_audit_log (run_id, table_schema, table_name, event, rows_inserted, rows_updated, rows_deleted, details)
VALUES (publish.run_id, publish.table_schema, publish.table_name, 'table_rolled_back', publish.rows_inserted,
    publish.rows_updated, publish.rows_deleted, jsonb_build_object('by', publish.rolled_back_by,
        'database_user', session_user, 'reason', publish.rollback_reason, 'publish_id', publish.publish_id, 'published_at', publish.published_at));
INSERT INTO refresh.refresh_outbox (topic, payload)
VALUES ('refresh-events', jsonb_build_object(
    'id', gen_random_uuid(), 'type', 'refresh.warning',
    'occurred_at', to_char(publish.rolled_back_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'run_id', publish.run_id, 'table', publish.table_schema || '.' || publish.table_name,
    'data', jsonb_build_object('outcome', 'rolled_back', 'reason', publish.rollback_reason, 'by', publish.rolled_back_by,
        'rows_inserted', publish.rows_inserted, 'rows_updated', publish.rows_updated, 'rows_deleted', publish.rows_deleted)));
$$;
REVOKE EXECUTE ON FUNCTION refresh.tell_rollback FROM PUBLIC;

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

CREATE FUNCTION refresh.views_over(tables text[])
    RETURNS TABLE(view_schema text, view_name text, depth integer)
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
WITH RECURSIVE dependent (table_schema, table_name, depth) AS (
    SELECT d.table_schema, d.table_name, 1 FROM refresh.refresh_dependency d
    WHERE d.depends_on_schema || '.' || d.depends_on_name = ANY (tables)
    UNION
    SELECT d.table_schema, d.table_name, v.depth + 1
    FROM dependent v
    JOIN refresh.refresh_table_registry r ON r.table_schema = v.table_schema AND r.table_name = v.table_name
        AND r.handler = 'summaries'
    JOIN refresh.refresh_dependency d ON d.depends_on_schema = v.table_schema AND d.depends_on_name = v.table_name
)
SELECT v.table_schema, v.table_name, max(v.depth)
FROM dependent v
JOIN refresh.refresh_table_registry r ON r.table_schema = v.table_schema AND r.table_name = v.table_name
JOIN pg_matviews m ON m.schemaname = v.table_schema AND m.matviewname = v.table_name
WHERE r.handler = 'summaries' AND r.mode <> 'disabled' AND m.ispopulated
GROUP BY v.table_schema, v.table_name
$$;

CREATE FUNCTION refresh.views_over_table(of_schema text, of_name text)
    RETURNS SETOF text
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
WITH RECURSIVE over (table_schema, table_name) AS (
    SELECT of_schema, of_name
    UNION
    SELECT r.table_schema, r.table_name
    FROM over o
    JOIN refresh.refresh_dependency d ON (d.depends_on_schema, d.depends_on_name) = (o.table_schema, o.table_name)
    JOIN refresh.refresh_table_registry r ON (r.table_schema, r.table_name) = (d.table_schema, d.table_name)
    WHERE r.mode = 'live' AND r.handler = 'summaries'
)
SELECT table_schema || '.' || table_name FROM over WHERE (table_schema, table_name) <> (of_schema, of_name) ORDER BY 1
$$;

CREATE FUNCTION refresh.waits_for(task refresh.refresh_task)
    RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT nullif(CASE
    WHEN task.finished_at IS NOT NULL THEN NULL
    WHEN task.phase = 'staged' THEN ARRAY(
        SELECT m.table_schema || '.' || m.table_name FROM refresh.refresh_task m
        WHERE m.run_id = task.run_id AND m.publish_group = task.publish_group
            AND m.status IN ('queued', 'running') AND m.phase IN ('planning', 'loading')
        ORDER BY m.table_schema, m.table_name)
    WHEN task.status = 'queued' AND task.owed_at IS NULL AND task.mode <> 'verify' THEN ARRAY(
        SELECT i.table_schema || '.' || i.table_name
        FROM refresh.refresh_dependency d
        JOIN refresh.refresh_task i
            ON i.run_id = task.run_id AND (i.table_schema, i.table_name) = (d.depends_on_schema, d.depends_on_name)
        WHERE (d.table_schema, d.table_name) = (task.table_schema, task.table_name) AND i.mode = task.mode
            AND i.status IN ('queued', 'running')
            AND (i.publish_group IS DISTINCT FROM task.publish_group OR task.publish_group IS NULL OR i.phase IN ('planning', 'loading'))
        ORDER BY i.table_schema, i.table_name)
END, '{}')
$$;

CREATE FUNCTION refresh.waits_since(task refresh.refresh_task)
    RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT CASE WHEN task.phase = 'staged' THEN coalesce((
    SELECT max(a.at) FROM refresh.refresh_audit_log a
    WHERE a.run_id = task.run_id AND (a.table_schema, a.table_name) = (task.table_schema, task.table_name) AND a.event = 'task_staged'
), task.started_at, task.created_at) ELSE task.created_at END
$$;

CREATE FUNCTION refresh.watch_input(relation regclass)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER raise_input_version AFTER INSERT OR DELETE ON %s '
        'FOR EACH ROW EXECUTE FUNCTION refresh.raise_input_version()', relation);
    EXECUTE format('CREATE TRIGGER raise_input_version_on_update AFTER UPDATE ON %s '
        'FOR EACH ROW WHEN (OLD IS DISTINCT FROM NEW) EXECUTE FUNCTION refresh.raise_input_version()', relation);
    EXECUTE format('CREATE TRIGGER raise_input_version_on_truncate AFTER TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION refresh.raise_input_version()', relation);
END $$;
REVOKE EXECUTE ON FUNCTION refresh.watch_input FROM PUBLIC;

CREATE FUNCTION sqp.add_brand(client text, brand text)
    RETURNS bigint
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
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

CREATE FUNCTION sqp.add_brand_term(client text, brand text, term text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.require('client', $1), sqp.require('term', sqp.query_key($3));
    INSERT INTO sqp.brand_terms (client_id, brand_id, term) VALUES ($1, sqp.brand_id_of($1, $2), sqp.query_key($3))
    ON CONFLICT DO NOTHING;
END $$;

CREATE FUNCTION sqp.begin_import()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp SET client_min_messages=warning
    AS $$
BEGIN
    CREATE TEMPORARY TABLE IF NOT EXISTS sqp_import_lines (subject text PRIMARY KEY, said text NOT NULL) ON COMMIT DROP;
    TRUNCATE pg_temp.sqp_import_lines;
    RETURN NULL;
END $$;

CREATE FUNCTION sqp.brand_id_of(client text, brand text)
    RETURNS bigint
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
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

CREATE FUNCTION sqp.cannibalisation(client text, marketplace text, report_period text, period_start date, min_impressions bigint DEFAULT 1, max_rows integer DEFAULT 50)
    RETURNS TABLE(search_query_key text, search_query text, n_own_asins bigint, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, impression_hhi numeric, top_asin text, top_asin_impression_share numeric, asins text[])
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.check_period($3, $4), sqp.check_limits($5, $6);
    RETURN QUERY
    WITH shared AS MATERIALIZED (
        SELECT search_query_key, count(*) FILTER (WHERE asin_impression_count >= greatest($5, 1)) AS n_own_asins,
            sqp.total(asin_impression_count) AS asin_impression_count,
            sqp.total(asin_click_count) AS asin_click_count,
            sqp.total(asin_cart_add_count) AS asin_cart_add_count,
            sqp.total(asin_purchase_count) AS asin_purchase_count
        FROM sqp.search_query_performance
        WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = $4
        GROUP BY search_query_key
        HAVING count(*) FILTER (WHERE asin_impression_count >= greatest($5, 1)) >= 2
        ORDER BY 3 DESC, search_query_key
        LIMIT $6
    )
    SELECT shared.search_query_key, market.search_query, shared.n_own_asins,
        shared.asin_impression_count, shared.asin_click_count, shared.asin_cart_add_count, shared.asin_purchase_count,
        spread.hhi, spread.asins[1], spread.top / nullif(shared.asin_impression_count, 0), spread.asins
    FROM shared
    LEFT JOIN sqp.search_query_market AS market
        ON market.client_id = $1 AND market.marketplace_id = $2 AND market.report_period = $3 AND market.period_start = $4
        AND market.search_query_key = shared.search_query_key
    CROSS JOIN LATERAL (
        SELECT sum((own.asin_impression_count::numeric / nullif(shared.asin_impression_count, 0)) ^ 2) AS hhi,
            max(own.asin_impression_count)::numeric AS top,
            array_agg(own.asin::text ORDER BY own.asin_impression_count DESC NULLS LAST, own.asin COLLATE "C")
                FILTER (WHERE own.asin_impression_count >= greatest($5, 1)) AS asins
        FROM sqp.search_query_performance AS own
        WHERE own.client_id = $1 AND own.marketplace_id = $2 AND own.report_period = $3 AND own.period_start = $4
            AND own.search_query_key = shared.search_query_key
    ) AS spread
    ORDER BY shared.asin_impression_count DESC, shared.search_query_key;
END $$;

CREATE FUNCTION sqp.check_limits(min_count bigint, max_rows integer)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    IF $1 IS NULL OR $1 < 0 THEN
        RAISE EXCEPTION 'the minimum count is %', coalesce($1::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give 0 or more.';
    ELSIF $2 IS NULL OR $2 NOT BETWEEN 1 AND 100000 THEN
        RAISE EXCEPTION 'max_rows is %', coalesce($2::text, 'NULL') USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give 1 to 100000.';
    END IF;
END $$;

CREATE FUNCTION sqp.check_period(report_period text, period_start date)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    whole date := CASE $1
        WHEN 'WEEK' THEN $2 - extract(dow FROM $2)::integer
        ELSE date_trunc(lower($1), $2::timestamp)::date END;
BEGIN
    IF $2 IS NULL THEN
        RAISE EXCEPTION 'the period is missing' USING ERRCODE = 'invalid_parameter_value', HINT = 'Give its first day.';
    ELSIF $2 <> whole THEN
        RAISE EXCEPTION '% is no first day of a %', $2, lower($1) USING ERRCODE = 'invalid_parameter_value',
            HINT = format('It lies in the %s of %s; weeks begin on Sunday.', lower($1), whole);
    END IF;
END $$;

CREATE FUNCTION sqp.check_report(client text, marketplace text, report_period text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM sqp.require('client', $1), sqp.require('marketplace', $2), sqp.require('report_period', $3);
    IF $3 NOT IN ('WEEK', 'MONTH', 'QUARTER') THEN
        RAISE EXCEPTION 'report_period is %', $3 USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use WEEK, MONTH or QUARTER.';
    END IF;
END $$;

CREATE FUNCTION sqp.check_stage(stage text, stages text[])
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    IF $1 IS NULL OR $1 <> ALL ($2) THEN
        RAISE EXCEPTION 'stage is %', coalesce($1, 'NULL') USING ERRCODE = 'invalid_parameter_value',
            HINT = format('Use one of %s.', array_to_string($2, ', '));
    END IF;
END $$;

CREATE FUNCTION sqp.chosen_periods(client text, marketplace text, report_period text, first_period date, last_period date)
    RETURNS date[]
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM sqp.check_report($1, $2, $3);
    PERFORM sqp.check_period($3, $4);
    IF $5 IS NULL THEN
        RETURN ARRAY[$4];
    END IF;
    PERFORM sqp.check_period($3, $5);
    IF $5 < $4 THEN
        RAISE EXCEPTION 'last_period % is before first_period %', $5, $4 USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give them in order, or leave last_period out for one period.';
    END IF;
    RETURN sqp.periods_between($1, $2, $3, $4, $5);
END $$;

CREATE FUNCTION sqp.class_of(client_id text, marketplace_id text, search_query_key text)
    RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN COALESCE((SELECT entry.class FROM sqp.query_class entry WHERE ((entry.client_id = class_of.client_id) AND (entry.marketplace_id = class_of.marketplace_id) AND (entry.search_query_key = class_of.search_query_key))), CASE WHEN (EXISTS (SELECT FROM sqp.brand_terms terms WHERE ((terms.client_id = class_of.client_id) AND (POSITION((((' '::text || sqp.query_key(terms.term)) || ' '::text)) IN (((' '::text || class_of.search_query_key) || ' '::text))) > 0)))) THEN 'branded'::text ELSE 'generic'::text END);

CREATE FUNCTION sqp.classify_query(client text, marketplace text, search_query text, class text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
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

CREATE FUNCTION sqp.compare_keywords(client text, marketplace text, report_period text, search_queries text[], first_period date, last_period date DEFAULT NULL::date)
    RETURNS TABLE(search_query_key text, search_query text, n_periods bigint, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, search_query_volume bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint, impression_share numeric, click_share numeric, cart_add_share numeric, purchase_share numeric, click_through_rate numeric, cart_add_rate numeric, purchase_rate numeric, cart_to_purchase_rate numeric, market_click_through_rate numeric, market_cart_add_rate numeric, market_purchase_rate numeric, market_cart_to_purchase_rate numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
DECLARE
    periods date[];
    keys text[];
BEGIN
    IF cardinality($4) NOT BETWEEN 1 AND 10 OR $4 IS NULL OR array_position($4, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'search_queries has % queries', coalesce(cardinality($4), 0)
            USING ERRCODE = 'invalid_parameter_value', HINT = 'Give 1 to 10 queries, none of them NULL.';
    END IF;
    periods := sqp.chosen_periods($1, $2, $3, $5, $6);
    keys := ARRAY(SELECT sqp.query_key(text) FROM unnest($4) AS text);
    RETURN QUERY
    SELECT asked.key, coalesce(s.search_query, asked.text), s.n_periods, s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.search_query_volume, s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count,
        ratio.*
    FROM (
        SELECT sqp.query_key(given.text) AS key, min(given.text) AS text, min(given.place) AS place
        FROM unnest($4) WITH ORDINALITY AS given (text, place) GROUP BY 1
    ) AS asked
    LEFT JOIN sqp.keyword_sums($1, $2, $3, periods, keys) AS s ON s.search_query_key = asked.key
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS ratio
    ORDER BY asked.place;
END $$;

CREATE FUNCTION sqp.compare_periods(client text, marketplace text, report_period text, period_start date, comparison text DEFAULT NULL::text)
    RETURNS TABLE(query_set text, compared_period date, n_queries bigint, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, previous_asin_impression_count bigint, previous_asin_click_count bigint, previous_asin_cart_add_count bigint, previous_asin_purchase_count bigint, search_query_volume bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint, previous_search_query_volume bigint, previous_total_query_impression_count bigint, previous_total_click_count bigint, previous_total_cart_add_count bigint, previous_total_purchase_count bigint, asin_impression_count_change numeric, asin_click_count_change numeric, asin_cart_add_count_change numeric, asin_purchase_count_change numeric, search_query_volume_change numeric, total_query_impression_count_change numeric, total_click_count_change numeric, total_cart_add_count_change numeric, total_purchase_count_change numeric, impression_share numeric, click_share numeric, cart_add_share numeric, purchase_share numeric, previous_impression_share numeric, previous_click_share numeric, previous_cart_add_share numeric, previous_purchase_share numeric, impression_share_gap_pp numeric, click_share_gap_pp numeric, cart_add_share_gap_pp numeric, purchase_share_gap_pp numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB SET enable_mergejoin=off
    AS $$
#variable_conflict use_column
DECLARE
    compared date;
BEGIN
    PERFORM sqp.check_report($1, $2, $3);
    compared := sqp.compared_start($3, $4, $5);
    RETURN QUERY
    WITH joined AS (
        SELECT CASE WHEN before.search_query_key IS NULL THEN 'new' WHEN now.search_query_key IS NULL THEN 'lost' ELSE 'common' END AS query_set,
            now.asin_impression_count,
            now.asin_click_count,
            now.asin_cart_add_count,
            now.asin_purchase_count,
            now.search_query_volume,
            now.total_query_impression_count,
            now.total_click_count,
            now.total_cart_add_count,
            now.total_purchase_count,
            before.asin_impression_count AS previous_asin_impression_count,
            before.asin_click_count AS previous_asin_click_count,
            before.asin_cart_add_count AS previous_asin_cart_add_count,
            before.asin_purchase_count AS previous_asin_purchase_count,
            before.search_query_volume AS previous_search_query_volume,
            before.total_query_impression_count AS previous_total_query_impression_count,
            before.total_click_count AS previous_total_click_count,
            before.total_cart_add_count AS previous_total_cart_add_count,
            before.total_purchase_count AS previous_total_purchase_count
        FROM sqp.query_sums($1, $2, $3, ARRAY[$4]) AS now
        FULL JOIN sqp.query_sums($1, $2, $3, ARRAY[compared]) AS before USING (search_query_key)
    ),
    summed AS (
        SELECT query_set, count(*) AS n_queries,
            sqp.total(asin_impression_count) AS asin_impression_count,
            sqp.total(asin_click_count) AS asin_click_count,
            sqp.total(asin_cart_add_count) AS asin_cart_add_count,
            sqp.total(asin_purchase_count) AS asin_purchase_count,
            sqp.total(search_query_volume) AS search_query_volume,
            sqp.total(total_query_impression_count) AS total_query_impression_count,
            sqp.total(total_click_count) AS total_click_count,
            sqp.total(total_cart_add_count) AS total_cart_add_count,
            sqp.total(total_purchase_count) AS total_purchase_count,
            sqp.total(previous_asin_impression_count) AS previous_asin_impression_count,
            sqp.total(previous_asin_click_count) AS previous_asin_click_count,
            sqp.total(previous_asin_cart_add_count) AS previous_asin_cart_add_count,
            sqp.total(previous_asin_purchase_count) AS previous_asin_purchase_count,
            sqp.total(previous_search_query_volume) AS previous_search_query_volume,
            sqp.total(previous_total_query_impression_count) AS previous_total_query_impression_count,
            sqp.total(previous_total_click_count) AS previous_total_click_count,
            sqp.total(previous_total_cart_add_count) AS previous_total_cart_add_count,
            sqp.total(previous_total_purchase_count) AS previous_total_purchase_count
        FROM joined
        WHERE EXISTS (
            SELECT FROM sqp.search_query_market
            WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = compared)
        GROUP BY query_set
    )
    SELECT s.query_set, compared, s.n_queries,
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.previous_asin_impression_count, s.previous_asin_click_count, s.previous_asin_cart_add_count, s.previous_asin_purchase_count,
        s.search_query_volume, s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count,
        s.previous_search_query_volume, s.previous_total_query_impression_count, s.previous_total_click_count, s.previous_total_cart_add_count, s.previous_total_purchase_count,
        s.asin_impression_count::numeric / nullif(s.previous_asin_impression_count, 0) - 1,
        s.asin_click_count::numeric / nullif(s.previous_asin_click_count, 0) - 1,
        s.asin_cart_add_count::numeric / nullif(s.previous_asin_cart_add_count, 0) - 1,
        s.asin_purchase_count::numeric / nullif(s.previous_asin_purchase_count, 0) - 1,
        s.search_query_volume::numeric / nullif(s.previous_search_query_volume, 0) - 1,
        s.total_query_impression_count::numeric / nullif(s.previous_total_query_impression_count, 0) - 1,
        s.total_click_count::numeric / nullif(s.previous_total_click_count, 0) - 1,
        s.total_cart_add_count::numeric / nullif(s.previous_total_cart_add_count, 0) - 1,
        s.total_purchase_count::numeric / nullif(s.previous_total_purchase_count, 0) - 1,
        now.impression_share, now.click_share, now.cart_add_share, now.purchase_share,
        before.impression_share, before.click_share, before.cart_add_share, before.purchase_share,
        100 * (now.impression_share - before.impression_share),
        100 * (now.click_share - before.click_share),
        100 * (now.cart_add_share - before.cart_add_share),
        100 * (now.purchase_share - before.purchase_share)
    FROM summed AS s
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS now
    CROSS JOIN LATERAL sqp.ratios(
        s.previous_asin_impression_count, s.previous_asin_click_count, s.previous_asin_cart_add_count, s.previous_asin_purchase_count,
        s.previous_total_query_impression_count, s.previous_total_click_count, s.previous_total_cart_add_count, s.previous_total_purchase_count
    ) AS before
    ORDER BY s.query_set;
END $$;

CREATE FUNCTION sqp.compared_start(report_period text, period_start date, comparison text)
    RETURNS date
    LANGUAGE plpgsql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    usual text := CASE $1 WHEN 'WEEK' THEN 'WoW' WHEN 'MONTH' THEN 'MoM' ELSE 'QoQ' END;
BEGIN
    PERFORM sqp.check_period($1, $2);
    CASE lower(coalesce($3, usual))
        WHEN lower(usual) THEN RETURN sqp.previous_start($1, $2);
        WHEN 'yoy' THEN RETURN sqp.year_before($1, $2);
        ELSE
            RAISE EXCEPTION 'comparison % does not suit report_period %', $3, $1
                USING ERRCODE = 'invalid_parameter_value', HINT = format('Use %s or YoY.', usual);
    END CASE;
END $$;

CREATE FUNCTION sqp.ctr_gap(client text, marketplace text, report_period text, first_period date, last_period date DEFAULT NULL::date, min_impressions bigint DEFAULT 100, max_rows integer DEFAULT 50)
    RETURNS TABLE(search_query_key text, search_query text, n_periods bigint, asin_impression_count bigint, asin_click_count bigint, total_query_impression_count bigint, total_click_count bigint, click_through_rate numeric, market_click_through_rate numeric, click_through_rate_index numeric, click_through_rate_gap_pp numeric, click_share_gap_pp numeric, lost_clicks numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.check_limits($6, $7);
    periods := sqp.chosen_periods($1, $2, $3, $4, $5);
    RETURN QUERY
    WITH chosen AS MATERIALIZED (
        SELECT s.*,
            greatest(0, s.asin_impression_count * s.total_click_count::numeric / nullif(s.total_query_impression_count, 0)
                - s.asin_click_count) AS lost
        FROM sqp.query_sums($1, $2, $3, periods) AS s
        WHERE s.asin_impression_count >= greatest($6, 1)
        ORDER BY lost DESC NULLS LAST, s.search_query_key
        LIMIT $7
    )
    SELECT s.search_query_key, s.search_query, s.n_periods,
        s.asin_impression_count, s.asin_click_count, s.total_query_impression_count, s.total_click_count,
        ratio.click_through_rate, ratio.market_click_through_rate,
        ratio.click_through_rate / nullif(ratio.market_click_through_rate, 0),
        100 * (ratio.click_through_rate - ratio.market_click_through_rate),
        100 * (ratio.click_share - ratio.impression_share),
        s.lost
    FROM chosen AS s
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS ratio
    ORDER BY s.lost DESC NULLS LAST, s.search_query_key;
END $$;

CREATE FUNCTION sqp.cvr_gap(client text, marketplace text, report_period text, first_period date, last_period date DEFAULT NULL::date, min_clicks bigint DEFAULT 5, max_rows integer DEFAULT 50)
    RETURNS TABLE(search_query_key text, search_query text, n_periods bigint, asin_click_count bigint, asin_purchase_count bigint, total_click_count bigint, total_purchase_count bigint, purchase_rate numeric, market_purchase_rate numeric, rest_purchase_rate numeric, purchase_rate_index numeric, purchase_rate_gap_pp numeric, purchase_share_gap_pp numeric, lost_purchases_gap numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.check_limits($6, $7);
    periods := sqp.chosen_periods($1, $2, $3, $4, $5);
    RETURN QUERY
    WITH chosen AS MATERIALIZED (
        SELECT s.*,
            greatest(0, s.asin_click_count * s.total_purchase_count::numeric / nullif(s.total_click_count, 0)
                - s.asin_purchase_count) AS lost
        FROM sqp.query_sums($1, $2, $3, periods) AS s
        WHERE s.asin_click_count >= greatest($6, 1)
        ORDER BY lost DESC NULLS LAST, s.search_query_key
        LIMIT $7
    )
    SELECT s.search_query_key, s.search_query, s.n_periods,
        s.asin_click_count, s.asin_purchase_count, s.total_click_count, s.total_purchase_count,
        ratio.purchase_rate, ratio.market_purchase_rate,
        (s.total_purchase_count - s.asin_purchase_count)::numeric / nullif(s.total_click_count - s.asin_click_count, 0),
        ratio.purchase_rate / nullif(ratio.market_purchase_rate, 0),
        100 * (ratio.purchase_rate - ratio.market_purchase_rate),
        100 * (ratio.purchase_share - ratio.click_share),
        s.lost
    FROM chosen AS s
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS ratio
    ORDER BY s.lost DESC NULLS LAST, s.search_query_key;
END $$;

CREATE FUNCTION sqp.forget_coverage()
    RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    DELETE FROM sqp.report_coverage;
    RETURN NULL;
END $$;

CREATE FUNCTION sqp.freshness(as_of timestamp with time zone)
    RETURNS TABLE(client_id text, marketplace_id text, report_period text, last_period_start date, last_period_end date, data_age_days integer, next_period_end date, next_expected_on date, data_status text, n_missing_periods bigint, missing_periods date[], job_last_success_at timestamp with time zone, job_last_status text, job_status text, summaries_refreshed_at timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
WITH warehouse AS (
    SELECT relnamespace::regnamespace::text AS schema FROM pg_catalog.pg_class
    WHERE oid = 'sqp.search_query_performance'::regclass
),
job AS (
    SELECT registry.last_refreshed_at, registry.frequency_hours,
        (
            SELECT task.status FROM refresh.refresh_task AS task
            WHERE task.table_schema = registry.table_schema AND task.table_name = registry.table_name
                AND task.finished_at IS NOT NULL AND task.mode = 'live'
            ORDER BY task.finished_at DESC LIMIT 1
        ) AS last_status
    FROM refresh.refresh_table_registry AS registry, warehouse
    WHERE registry.table_schema = warehouse.schema AND registry.table_name = 'search_query_performance'
),
summary AS (
    SELECT min(status.last_refreshed_at) AS refreshed_at
    FROM refresh.materialized_view_refresh_status AS status, warehouse WHERE status.table_schema = warehouse.schema
),
missing AS (
    SELECT client_id, marketplace_id, report_period, array_agg(period_start ORDER BY period_start) AS periods,
        max(period_start) AS last_missing, max(period_start) FILTER (WHERE is_stale) AS last_stale
    FROM sqp.missing_periods($1)
    GROUP BY client_id, marketplace_id, report_period
),
latest AS (
    SELECT client_id, marketplace_id, report_period, max(period_start) AS last_start, max(period_end) AS last_end
    FROM sqp.published_reports
    GROUP BY client_id, marketplace_id, report_period
)
SELECT client_id, marketplace_id, report_period, last_start, last_end,
    ($1 AT TIME ZONE 'UTC')::date - last_end, next.period_end, next.period_end + days.expected_days,
    CASE
        WHEN missing.last_stale > last_start THEN 'stale'
        WHEN missing.last_missing > last_start THEN 'late'
        ELSE 'fresh'
    END,
    coalesce(cardinality(missing.periods), 0)::bigint, coalesce(missing.periods, '{}'),
    job.last_refreshed_at, job.last_status,
    CASE
        WHEN job.last_refreshed_at IS NULL THEN 'never'
        WHEN job.last_status IN ('failed', 'held', 'skipped') THEN 'failing'
        WHEN job.last_refreshed_at < $1 - make_interval(hours => 2 * job.frequency_hours) THEN 'overdue'
        ELSE 'current'
    END,
    summary.refreshed_at
FROM latest
CROSS JOIN sqp.publication_days() AS days
CROSS JOIN summary
CROSS JOIN LATERAL (
    SELECT CASE report_period
        WHEN 'WEEK' THEN last_end + 7
        WHEN 'MONTH' THEN (last_start + interval '2 months')::date - 1
        ELSE (last_start + interval '6 months')::date - 1
    END AS period_end
) AS next
LEFT JOIN job ON true
LEFT JOIN missing USING (client_id, marketplace_id, report_period)
ORDER BY 1, 2, 3
$$;

CREATE FUNCTION sqp.funnel_stage(client text, marketplace text, report_period text, first_period date, last_period date DEFAULT NULL::date, min_impressions bigint DEFAULT 100, min_clicks bigint DEFAULT 5, max_rows integer DEFAULT 50)
    RETURNS TABLE(search_query_key text, search_query text, n_periods bigint, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, search_query_volume bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint, impression_share numeric, click_share numeric, purchase_share numeric, click_share_gap_pp numeric, purchase_share_gap_pp numeric, funnel_stage text)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.check_limits($6, $8), sqp.check_limits($7, $8);
    periods := sqp.chosen_periods($1, $2, $3, $4, $5);
    RETURN QUERY
    SELECT s.*, gap.impression_share, gap.click_share, gap.purchase_share, gap.click_gap, gap.purchase_gap,
        CASE
            WHEN gap.click_gap IS NULL THEN NULL
            WHEN gap.click_gap < 0 AND gap.click_gap <= coalesce(gap.purchase_gap, 0) THEN 'click'
            WHEN gap.purchase_gap < 0 THEN 'purchase'
            WHEN gap.purchase_gap IS NULL THEN NULL
            ELSE 'impression'
        END
    FROM sqp.query_sums($1, $2, $3, periods) AS s
    CROSS JOIN LATERAL (
        SELECT ratio.impression_share, ratio.click_share, ratio.purchase_share,
            100 * (ratio.click_share - ratio.impression_share) AS click_gap,
            CASE WHEN s.asin_click_count >= greatest($7, 1) THEN 100 * (ratio.purchase_share - ratio.click_share) END AS purchase_gap
        FROM sqp.ratios(
            s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
            s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
        ) AS ratio
    ) AS gap
    WHERE s.asin_impression_count >= greatest($6, 1)
    ORDER BY s.search_query_volume DESC NULLS LAST, s.search_query_key
    LIMIT $8;
END $$;

CREATE FUNCTION sqp.import_mapping()
    RETURNS trigger
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
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

CREATE FUNCTION sqp.keyword_funnel(client text, marketplace text, report_period text, query text, first_period date, last_period date DEFAULT NULL::date)
    RETURNS TABLE(search_query_key text, search_query text, n_periods bigint, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, search_query_volume bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint, impression_share numeric, click_share numeric, cart_add_share numeric, purchase_share numeric, click_through_rate numeric, cart_add_rate numeric, purchase_rate numeric, cart_to_purchase_rate numeric, market_click_through_rate numeric, market_cart_add_rate numeric, market_purchase_rate numeric, market_cart_to_purchase_rate numeric, click_through_rate_index numeric, cart_add_rate_index numeric, purchase_rate_index numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.require('query', $4);
    periods := sqp.chosen_periods($1, $2, $3, $5, $6);
    RETURN QUERY
    SELECT s.*, ratio.*,
        ratio.click_through_rate / nullif(ratio.market_click_through_rate, 0),
        ratio.cart_add_rate / nullif(ratio.market_cart_add_rate, 0),
        ratio.purchase_rate / nullif(ratio.market_purchase_rate, 0)
    FROM sqp.keyword_sums($1, $2, $3, periods, ARRAY[sqp.query_key($4)]) AS s
    CROSS JOIN LATERAL sqp.ratios(
        s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
        s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
    ) AS ratio;
END $$;

CREATE FUNCTION sqp.keyword_market_share(client text, marketplace text, report_period text, query text, first_period date, last_period date DEFAULT NULL::date)
    RETURNS TABLE(asin text, brand text, n_periods bigint, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, search_query_volume bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint, impression_share numeric, click_share numeric, cart_add_share numeric, purchase_share numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.require('query', $4);
    periods := sqp.chosen_periods($1, $2, $3, $5, $6);
    RETURN QUERY
    WITH market AS (
        SELECT sum(search_query_volume)::bigint AS search_query_volume,
            sum(total_query_impression_count)::bigint AS total_query_impression_count,
            sum(total_click_count)::bigint AS total_click_count,
            sum(total_cart_add_count)::bigint AS total_cart_add_count,
            sum(total_purchase_count)::bigint AS total_purchase_count
        FROM sqp.search_query_market
        WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3
            AND period_start = ANY (periods) AND search_query_key = sqp.query_key($4)
    ),
    own AS (
        SELECT asin, count(*) AS n_periods,
            sum(asin_impression_count)::bigint AS asin_impression_count,
            sum(asin_click_count)::bigint AS asin_click_count,
            sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
            sum(asin_purchase_count)::bigint AS asin_purchase_count
        FROM sqp.search_query_performance
        WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3
            AND period_start = ANY (periods) AND search_query_key = sqp.query_key($4)
        GROUP BY asin
    )
    SELECT own.asin::text, coalesce(named.brand, 'unmapped'), own.n_periods,
        own.asin_impression_count, own.asin_click_count, own.asin_cart_add_count, own.asin_purchase_count,
        market.search_query_volume, market.total_query_impression_count, market.total_click_count, market.total_cart_add_count, market.total_purchase_count,
        ratio.impression_share, ratio.click_share, ratio.cart_add_share, ratio.purchase_share
    FROM own
    CROSS JOIN market
    LEFT JOIN sqp.brand_of_asin AS named ON named.client_id = $1 AND named.marketplace_id = $2 AND named.asin = own.asin
    CROSS JOIN LATERAL sqp.ratios(
        own.asin_impression_count, own.asin_click_count, own.asin_cart_add_count, own.asin_purchase_count,
        market.total_query_impression_count, market.total_click_count, market.total_cart_add_count, market.total_purchase_count
    ) AS ratio
    ORDER BY own.asin_impression_count DESC NULLS LAST, own.asin;
END $$;

CREATE FUNCTION sqp.keyword_sums(client text, marketplace text, report_period text, periods date[], keys text[])
    RETURNS TABLE(search_query_key text, search_query text, n_periods bigint, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, search_query_volume bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint)
    LANGUAGE sql STABLE
    AS $$
SELECT search_query_key, market.search_query, market.n_periods,
    asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
    search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
FROM (
    SELECT search_query_key,
        sum(asin_impression_count)::bigint AS asin_impression_count,
        sum(asin_click_count)::bigint AS asin_click_count,
        sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
        sum(asin_purchase_count)::bigint AS asin_purchase_count
    FROM sqp.search_query_performance
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)
        AND search_query_key = ANY ($5)
    GROUP BY search_query_key
) AS own
JOIN (
    SELECT search_query_key, max(search_query) AS search_query, count(*) AS n_periods,
        sum(search_query_volume)::bigint AS search_query_volume,
        sum(total_query_impression_count)::bigint AS total_query_impression_count,
        sum(total_click_count)::bigint AS total_click_count,
        sum(total_cart_add_count)::bigint AS total_cart_add_count,
        sum(total_purchase_count)::bigint AS total_purchase_count
    FROM sqp.search_query_market
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)
        AND search_query_key = ANY ($5)
    GROUP BY search_query_key
) AS market USING (search_query_key)
$$;

CREATE FUNCTION sqp.keyword_trend(client text, marketplace text, report_period text, search_query text, first_period date DEFAULT NULL::date, last_period date DEFAULT NULL::date)
    RETURNS TABLE(period_start date, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, search_query_volume bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint, impression_share numeric, click_share numeric, cart_add_share numeric, purchase_share numeric, click_through_rate numeric, cart_add_rate numeric, purchase_rate numeric, cart_to_purchase_rate numeric, market_click_through_rate numeric, market_cart_add_rate numeric, market_purchase_rate numeric, market_cart_to_purchase_rate numeric, search_query_volume_change numeric, asin_purchase_count_change numeric, impression_share_gap_pp numeric, click_share_gap_pp numeric, cart_add_share_gap_pp numeric, purchase_share_gap_pp numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.require('query', $4);
    IF $5 IS NOT NULL THEN
        PERFORM sqp.check_period($3, $5);
    END IF;
    periods := sqp.periods_between($1, $2, $3, $5, $6);
    RETURN QUERY
    WITH s AS (
        SELECT period_start, asin_impression_count, asin_click_count, asin_cart_add_count, asin_purchase_count,
            search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
        FROM (
            SELECT period_start,
                sum(asin_impression_count)::bigint AS asin_impression_count,
                sum(asin_click_count)::bigint AS asin_click_count,
                sum(asin_cart_add_count)::bigint AS asin_cart_add_count,
                sum(asin_purchase_count)::bigint AS asin_purchase_count
            FROM sqp.search_query_performance
            WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3
                AND period_start = ANY (periods) AND search_query_key = sqp.query_key($4)
            GROUP BY period_start
        ) AS own
        JOIN (
            SELECT period_start, search_query_volume, total_query_impression_count, total_click_count, total_cart_add_count, total_purchase_count
            FROM sqp.search_query_market
            WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3
                AND period_start = ANY (periods) AND search_query_key = sqp.query_key($4)
        ) AS market USING (period_start)
    ),
    divided AS (
        SELECT s.*, ratio.*
        FROM s CROSS JOIN LATERAL sqp.ratios(
            s.asin_impression_count, s.asin_click_count, s.asin_cart_add_count, s.asin_purchase_count,
            s.total_query_impression_count, s.total_click_count, s.total_cart_add_count, s.total_purchase_count
        ) AS ratio
    )
    SELECT now.*,
        now.search_query_volume::numeric / nullif(before.search_query_volume, 0) - 1,
        now.asin_purchase_count::numeric / nullif(before.asin_purchase_count, 0) - 1,
        100 * (now.impression_share - before.impression_share),
        100 * (now.click_share - before.click_share),
        100 * (now.cart_add_share - before.cart_add_share),
        100 * (now.purchase_share - before.purchase_share)
    FROM divided AS now
    LEFT JOIN divided AS before ON before.period_start = sqp.previous_start($3, now.period_start)
    ORDER BY now.period_start;
END $$;

CREATE FUNCTION sqp.late_reports()
    RETURNS TABLE(client_id text, marketplace_id text, report_period text, period_start date, since timestamp with time zone)
    LANGUAGE sql STABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
SELECT told.client_id, told.marketplace_id, told.report_period, told.period_start, told.alerted_at
FROM sqp.stale_alert AS told
WHERE NOT EXISTS (
    SELECT FROM sqp.search_query_market AS market
    WHERE (market.client_id, market.marketplace_id, market.report_period) = (told.client_id, told.marketplace_id, told.report_period)
        AND market.period_start >= told.period_start)
$$;

CREATE FUNCTION sqp.lost_purchases(client text, marketplace text, report_period text, first_period date, last_period date DEFAULT NULL::date, min_clicks bigint DEFAULT 5, max_rows integer DEFAULT 50)
    RETURNS TABLE(search_query_key text, search_query text, n_periods bigint, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, search_query_volume bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint, lost_purchases_headroom numeric, lost_purchases_gap numeric, lost_purchases_rest numeric, lost_purchases_visibility numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
DECLARE
    periods date[];
BEGIN
    PERFORM sqp.check_limits($6, $7);
    periods := sqp.chosen_periods($1, $2, $3, $4, $5);
    RETURN QUERY
    SELECT s.*,
        s.total_purchase_count - s.asin_purchase_count::numeric,
        greatest(0, s.asin_click_count * s.total_purchase_count::numeric / nullif(s.total_click_count, 0) - s.asin_purchase_count) AS gap,
        greatest(0, s.asin_click_count * (s.total_purchase_count - s.asin_purchase_count)::numeric
            / nullif(s.total_click_count - s.asin_click_count, 0) - s.asin_purchase_count),
        greatest(0, s.total_purchase_count * s.asin_impression_count::numeric / nullif(s.total_query_impression_count, 0) - s.asin_purchase_count)
    FROM sqp.query_sums($1, $2, $3, periods) AS s
    WHERE s.asin_click_count >= $6
    ORDER BY gap DESC NULLS LAST, s.search_query_key
    LIMIT $7;
END $$;

CREATE FUNCTION sqp.map_asin(client text, marketplace text, asin text, brand text, origin text DEFAULT 'manual'::text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
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

CREATE FUNCTION sqp.map_asins_by_title(client text)
    RETURNS bigint
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
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

CREATE FUNCTION sqp.missing_periods(as_of timestamp with time zone)
    RETURNS TABLE(client_id text, marketplace_id text, report_period text, period_start date, period_end date, expected_on date, stale_on date, is_stale boolean)
    LANGUAGE sql STABLE
    AS $$
WITH report AS MATERIALIZED (
    SELECT client_id, marketplace_id, report_period, period_start FROM sqp.published_reports
)
SELECT series.client_id, series.marketplace_id, series.report_period, due.period_start, due.period_end,
    due.period_end + days.expected_days, due.period_end + days.stale_days,
    due.period_end + days.stale_days <= ($1 AT TIME ZONE 'UTC')::date
FROM (
    SELECT client_id, marketplace_id, report_period, min(period_start) AS first_start
    FROM report
    GROUP BY client_id, marketplace_id, report_period
) AS series
CROSS JOIN sqp.publication_days() AS days
CROSS JOIN LATERAL (
    SELECT day::date AS period_start, (day + step.length)::date - 1 AS period_end
    FROM (SELECT CASE series.report_period
        WHEN 'WEEK' THEN interval '7 days' WHEN 'MONTH' THEN interval '1 month' ELSE interval '3 months' END AS length
    ) AS step
    CROSS JOIN LATERAL generate_series(series.first_start::timestamp, ($1 AT TIME ZONE 'UTC'), step.length) AS day
) AS due
WHERE due.period_end + days.expected_days <= ($1 AT TIME ZONE 'UTC')::date
    AND NOT EXISTS (
        SELECT FROM report
        WHERE report.client_id = series.client_id AND report.marketplace_id = series.marketplace_id
            AND report.report_period = series.report_period AND report.period_start = due.period_start)
ORDER BY 1, 2, 3, 4
$$;

CREATE FUNCTION sqp.new_and_lost_queries(client text, marketplace text, report_period text, period_start date, comparison text DEFAULT NULL::text, max_rows integer DEFAULT 100)
    RETURNS TABLE(query_set text, search_query_key text, search_query text, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, search_query_volume bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB SET enable_mergejoin=off
    AS $$
#variable_conflict use_column
DECLARE
    compared date;
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.check_limits(0, $6);
    compared := sqp.compared_start($3, $4, $5);
    RETURN QUERY
    SELECT CASE WHEN before.search_query_key IS NULL THEN 'new' ELSE 'lost' END,
        search_query_key, coalesce(now.search_query, before.search_query),
        coalesce(now.asin_impression_count, before.asin_impression_count),
        coalesce(now.asin_click_count, before.asin_click_count),
        coalesce(now.asin_cart_add_count, before.asin_cart_add_count),
        coalesce(now.asin_purchase_count, before.asin_purchase_count),
        coalesce(now.search_query_volume, before.search_query_volume),
        coalesce(now.total_query_impression_count, before.total_query_impression_count),
        coalesce(now.total_click_count, before.total_click_count),
        coalesce(now.total_cart_add_count, before.total_cart_add_count),
        coalesce(now.total_purchase_count, before.total_purchase_count)
    FROM sqp.query_sums($1, $2, $3, ARRAY[$4]) AS now
    FULL JOIN sqp.query_sums($1, $2, $3, ARRAY[compared]) AS before USING (search_query_key)
    WHERE (now.search_query_key IS NULL OR before.search_query_key IS NULL)
        AND EXISTS (
            SELECT FROM sqp.search_query_market
            WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = compared)
        AND EXISTS (
            SELECT FROM sqp.search_query_market
            WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = $4)
    ORDER BY coalesce(now.asin_impression_count, before.asin_impression_count) DESC NULLS LAST, search_query_key
    LIMIT $6;
END $$;

CREATE FUNCTION sqp.note_import(subject text, said text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
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

CREATE FUNCTION sqp.owe_stale_events(as_of timestamp with time zone)
    RETURNS bigint
    LANGUAGE sql
    SET search_path=pg_catalog, pg_temp
    AS $$
WITH newly AS (
    INSERT INTO sqp.stale_alert (client_id, marketplace_id, report_period, period_start)
    SELECT client_id, marketplace_id, report_period, period_start FROM sqp.missing_periods($1)
    WHERE is_stale AND stale_on > ($1 AT TIME ZONE 'UTC')::date - 35
    ON CONFLICT DO NOTHING
    RETURNING *
),
owed AS (
    INSERT INTO refresh.refresh_outbox (topic, payload)
    SELECT 'refresh-events', jsonb_build_object(
        'id', gen_random_uuid(), 'type', 'data.stale',
        'occurred_at', to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'run_id', NULL,
        'table', (SELECT relnamespace::regnamespace::text || '.' || relname FROM pg_class WHERE oid = 'sqp.search_query_performance'::regclass),
        'data', jsonb_build_object(
            'client_id', missing.client_id, 'marketplace_id', missing.marketplace_id,
            'report_period', missing.report_period, 'period_start', missing.period_start, 'period_end', missing.period_end,
            'expected_on', missing.expected_on, 'stale_on', missing.stale_on))
    FROM newly
    JOIN sqp.missing_periods($1) AS missing USING (client_id, marketplace_id, report_period, period_start)
    RETURNING 1
)
SELECT count(*) FROM owed
$$;

CREATE FUNCTION sqp.periods_between(client text, marketplace text, report_period text, first_period date, last_period date)
    RETURNS date[]
    LANGUAGE sql STABLE
    AS $$
WITH RECURSIVE period (period_start) AS (
    (
        SELECT period_start FROM sqp.search_query_market
        WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start >= coalesce($4, '-infinity')
        ORDER BY period_start LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT market.period_start FROM sqp.search_query_market AS market
        WHERE market.client_id = $1 AND market.marketplace_id = $2 AND market.report_period = $3
            AND market.period_start > period.period_start
        ORDER BY market.period_start LIMIT 1
    )
    FROM period WHERE period.period_start IS NOT NULL
)
SELECT coalesce(array_agg(period_start), '{}') FROM period WHERE period_start <= coalesce($5, 'infinity')
$$;

CREATE FUNCTION sqp.previous_start(report_period text, period_start date)
    RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE report_period
    WHEN 'WEEK' THEN period_start - 7
    WHEN 'MONTH' THEN (period_start - interval '1 month')::date
    WHEN 'QUARTER' THEN (period_start - interval '3 months')::date
END
$$;

CREATE FUNCTION sqp.price_position(client text, marketplace text, report_period text, period_start date, stage text DEFAULT 'purchase'::text, max_rows integer DEFAULT 100)
    RETURNS TABLE(asin text, search_query_key text, search_query text, asin_count bigint, asin_median_price_amount numeric, total_median_price_amount numeric, price_currency_code text, price_index numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.check_period($3, $4), sqp.check_limits(0, $6);
    PERFORM sqp.check_stage($5, ARRAY['click', 'cart_add', 'purchase']);
    RETURN QUERY
    WITH price AS (
        SELECT asin, search_query_key, search_query,
            CASE $5 WHEN 'click' THEN asin_click_count WHEN 'cart_add' THEN asin_cart_add_count WHEN 'purchase' THEN asin_purchase_count END AS own_count,
            CASE $5 WHEN 'click' THEN asin_median_click_price_amount WHEN 'cart_add' THEN asin_median_cart_add_price_amount WHEN 'purchase' THEN asin_median_purchase_price_amount END AS own,
            CASE $5 WHEN 'click' THEN total_median_click_price_amount WHEN 'cart_add' THEN total_median_cart_add_price_amount WHEN 'purchase' THEN total_median_purchase_price_amount END AS market,
            CASE $5 WHEN 'click' THEN asin_median_click_price_currency_code WHEN 'cart_add' THEN asin_median_cart_add_price_currency_code WHEN 'purchase' THEN asin_median_purchase_price_currency_code END AS own_currency,
            CASE $5 WHEN 'click' THEN total_median_click_price_currency_code WHEN 'cart_add' THEN total_median_cart_add_price_currency_code WHEN 'purchase' THEN total_median_purchase_price_currency_code END AS market_currency
        FROM sqp.search_query_performance
        WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = $4
    )
    SELECT price.asin::text, price.search_query_key, price.search_query, price.own_count, price.own, price.market,
        price.own_currency::text, price.own / nullif(price.market, 0)
    FROM price
    WHERE price.own IS NOT NULL AND price.market IS NOT NULL AND price.own_currency IS NOT DISTINCT FROM price.market_currency
    ORDER BY price.own_count DESC NULLS LAST, price.asin, price.search_query_key
    LIMIT $6;
END $$;

CREATE FUNCTION sqp.publication_days(OUT expected_days integer, OUT stale_days integer)
    RETURNS record
    LANGUAGE sql STABLE
    AS $$
SELECT coalesce(max((checks ->> 'expected_days')::integer), 5), coalesce(max((checks ->> 'stale_days')::integer), 10)
FROM refresh.refresh_table_registry AS registry
JOIN pg_catalog.pg_class AS relation ON relation.oid = 'sqp.search_query_performance'::regclass
WHERE registry.table_schema = relation.relnamespace::regnamespace::text AND registry.table_name = relation.relname
$$;

CREATE FUNCTION sqp.query_key(search_query text)
    RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
    AS $$
SELECT btrim(regexp_replace(
    replace(replace(lower(replace(normalize(search_query, NFKC), 'İ', U&'i\0307')), 'ß', 'ss'), 'ς', 'σ'),
    '[\s\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+', ' ', 'g'))
$$;

CREATE FUNCTION sqp.query_sums(client text, marketplace text, report_period text, periods date[])
    RETURNS TABLE(search_query_key text, search_query text, n_periods bigint, asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, search_query_volume bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint)
    LANGUAGE sql STABLE
    AS $$
SELECT market.search_query_key, market.search_query, 1::bigint,
    own.asin_impression_count, own.asin_click_count, own.asin_cart_add_count, own.asin_purchase_count,
    market.search_query_volume, market.total_query_impression_count, market.total_click_count, market.total_cart_add_count, market.total_purchase_count
FROM (
    SELECT search_query_key,
        sqp.total(asin_impression_count) AS asin_impression_count,
        sqp.total(asin_click_count) AS asin_click_count,
        sqp.total(asin_cart_add_count) AS asin_cart_add_count,
        sqp.total(asin_purchase_count) AS asin_purchase_count
    FROM sqp.search_query_performance
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ($4)[1]
    GROUP BY search_query_key
) AS own
JOIN sqp.search_query_market AS market
    ON market.client_id = $1 AND market.marketplace_id = $2 AND market.report_period = $3 AND market.period_start = ($4)[1]
    AND market.search_query_key = own.search_query_key
WHERE cardinality($4) = 1
UNION ALL
SELECT search_query_key, market.search_query, market.n_periods,
    own.asin_impression_count, own.asin_click_count, own.asin_cart_add_count, own.asin_purchase_count,
    market.search_query_volume, market.total_query_impression_count, market.total_click_count, market.total_cart_add_count, market.total_purchase_count
FROM (
    SELECT search_query_key,
        sqp.total(asin_impression_count) AS asin_impression_count,
        sqp.total(asin_click_count) AS asin_click_count,
        sqp.total(asin_cart_add_count) AS asin_cart_add_count,
        sqp.total(asin_purchase_count) AS asin_purchase_count
    FROM sqp.search_query_performance
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)
    GROUP BY search_query_key
) AS own
JOIN (
    SELECT search_query_key, max(search_query) AS search_query, count(*) AS n_periods,
        sqp.total(search_query_volume) AS search_query_volume,
        sqp.total(total_query_impression_count) AS total_query_impression_count,
        sqp.total(total_click_count) AS total_click_count,
        sqp.total(total_cart_add_count) AS total_cart_add_count,
        sqp.total(total_purchase_count) AS total_purchase_count
    FROM sqp.search_query_market
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND period_start = ANY ($4)
    GROUP BY search_query_key
) AS market USING (search_query_key)
WHERE cardinality($4) > 1
$$;

CREATE FUNCTION sqp.rank_changes(client text, marketplace text, report_period text, period_start date, comparison text DEFAULT NULL::text, max_rows integer DEFAULT 50)
    RETURNS TABLE(asin text, search_query_key text, search_query text, search_query_score bigint, previous_search_query_score bigint, search_query_score_change bigint)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB
    AS $$
#variable_conflict use_column
DECLARE
    compared date;
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.check_limits(0, $6);
    compared := sqp.compared_start($3, $4, $5);
    RETURN QUERY
    SELECT now.asin::text, now.search_query_key, now.search_query, now.search_query_score, before.search_query_score,
        before.search_query_score - now.search_query_score
    FROM sqp.search_query_performance AS now
    JOIN sqp.search_query_performance AS before USING (client_id, marketplace_id, report_period, asin, search_query_key)
    WHERE client_id = $1 AND marketplace_id = $2 AND report_period = $3 AND now.period_start = $4
        AND before.period_start = compared AND now.search_query_score <> before.search_query_score
    ORDER BY abs(before.search_query_score - now.search_query_score) DESC, now.search_query_score, now.asin, now.search_query_key
    LIMIT $6;
END $$;

CREATE FUNCTION sqp.ratios(asin_impression_count bigint, asin_click_count bigint, asin_cart_add_count bigint, asin_purchase_count bigint, total_query_impression_count bigint, total_click_count bigint, total_cart_add_count bigint, total_purchase_count bigint)
    RETURNS TABLE(impression_share numeric, click_share numeric, cart_add_share numeric, purchase_share numeric, click_through_rate numeric, cart_add_rate numeric, purchase_rate numeric, cart_to_purchase_rate numeric, market_click_through_rate numeric, market_cart_add_rate numeric, market_purchase_rate numeric, market_cart_to_purchase_rate numeric)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT
    asin_impression_count::numeric / nullif(total_query_impression_count, 0),
    asin_click_count::numeric / nullif(total_click_count, 0),
    asin_cart_add_count::numeric / nullif(total_cart_add_count, 0),
    asin_purchase_count::numeric / nullif(total_purchase_count, 0),
    asin_click_count::numeric / nullif(asin_impression_count, 0),
    asin_cart_add_count::numeric / nullif(asin_click_count, 0),
    asin_purchase_count::numeric / nullif(asin_click_count, 0),
    asin_purchase_count::numeric / nullif(asin_cart_add_count, 0),
    total_click_count::numeric / nullif(total_query_impression_count, 0),
    total_cart_add_count::numeric / nullif(total_click_count, 0),
    total_purchase_count::numeric / nullif(total_click_count, 0),
    total_purchase_count::numeric / nullif(total_cart_add_count, 0)
$$;

CREATE FUNCTION sqp.record_coverage()
    RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path=pg_catalog, pg_temp
    AS $$
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

CREATE FUNCTION sqp.register_summaries(priority integer DEFAULT 50, frequency_hours integer DEFAULT 24)
    RETURNS SETOF text
    LANGUAGE sql
    SET search_path=pg_catalog, pg_temp
    AS $$
WITH warehouse AS (
    SELECT relnamespace::regnamespace::text AS schema FROM pg_class WHERE oid = 'sqp.search_query_performance'::regclass
),
wanted (place, name, inputs) AS (VALUES
    (1, 'search_performance_summary', ARRAY['search_query_performance', 'search_query_market']),
    (2, 'weekly_summary', ARRAY['search_query_performance', 'search_query_market']),
    (2, 'monthly_summary', ARRAY['search_query_performance', 'search_query_market']),
    (2, 'quarterly_summary', ARRAY['search_query_performance', 'search_query_market']),
    (2, 'asin_period_summary', ARRAY['asin_performance_data', 'search_query_performance', 'search_query_market']),
    (2, 'query_class_summary', ARRAY['search_query_performance', 'search_query_market']),
    (2, 'cannibalisation_summary', ARRAY['search_query_performance']),
    (3, 'brand_period_summary', ARRAY['search_performance_summary'])
)
SELECT view.table_schema || '.' || view.table_name
FROM (SELECT * FROM wanted, warehouse ORDER BY place, name) AS wanted
CROSS JOIN LATERAL refresh.register_table(
    wanted.schema, wanted.name, handler => 'summaries', priority => $1 + wanted.place, frequency_hours => $2,
    depends_on => (SELECT jsonb_object_agg(wanted.schema || '.' || input, 'hard') FROM unnest(wanted.inputs) AS input)
) AS view
$$;

CREATE FUNCTION sqp.remove_brand(client text, brand text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
DECLARE
    gone bigint := sqp.brand_id_of($1, $2);
BEGIN
    DELETE FROM sqp.brand_terms WHERE brand_id = gone;
    DELETE FROM sqp.asin_brand_map WHERE brand_id = gone;
    DELETE FROM sqp.brands WHERE brand_id = gone;
END $$;

CREATE FUNCTION sqp.remove_brand_term(client text, brand text, term text)
    RETURNS boolean
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM sqp.brand_terms
    WHERE client_id = $1 AND brand_id = sqp.brand_id_of($1, $2) AND sqp.query_key(term) = sqp.query_key($3);
    RETURN FOUND;
END $$;

CREATE FUNCTION sqp.rename_brand(client text, brand text, new_brand text)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM sqp.require('new_brand', $3);
    UPDATE sqp.brands SET brand = btrim($3) WHERE brand_id = sqp.brand_id_of($1, $2);
END $$;

CREATE FUNCTION sqp.require(name text, value text)
    RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    SET search_path=pg_catalog, pg_temp
    AS $$
BEGIN
    IF value IS NULL OR btrim(value) = '' THEN
        RAISE EXCEPTION '% is missing', name USING ERRCODE = 'invalid_parameter_value', HINT = 'Give a text that is not empty.';
    END IF;
END $$;

CREATE FUNCTION sqp.share_movers(client text, marketplace text, report_period text, period_start date, comparison text DEFAULT NULL::text, stage text DEFAULT 'purchase'::text, min_total bigint DEFAULT 10, max_rows integer DEFAULT 20)
    RETURNS TABLE(search_query_key text, search_query text, asin_count bigint, previous_asin_count bigint, total_count bigint, previous_total_count bigint, share numeric, previous_share numeric, share_gap_pp numeric)
    LANGUAGE plpgsql STABLE
    SET search_path=pg_catalog, pg_temp SET plan_cache_mode=force_custom_plan SET jit=off SET work_mem=64MB SET enable_mergejoin=off
    AS $$
#variable_conflict use_column
DECLARE
    compared date;
BEGIN
    PERFORM sqp.check_report($1, $2, $3), sqp.check_limits($7, $8);
    PERFORM sqp.check_stage($6, ARRAY['impression', 'click', 'cart_add', 'purchase']);
    compared := sqp.compared_start($3, $4, $5);
    RETURN QUERY
    WITH joined AS (
        SELECT search_query_key, now.search_query,
            CASE $6 WHEN 'impression' THEN now.asin_impression_count WHEN 'click' THEN now.asin_click_count WHEN 'cart_add' THEN now.asin_cart_add_count WHEN 'purchase' THEN now.asin_purchase_count END AS own,
            CASE $6 WHEN 'impression' THEN before.asin_impression_count WHEN 'click' THEN before.asin_click_count WHEN 'cart_add' THEN before.asin_cart_add_count WHEN 'purchase' THEN before.asin_purchase_count END AS previous_own,
            CASE $6 WHEN 'impression' THEN now.total_query_impression_count WHEN 'click' THEN now.total_click_count WHEN 'cart_add' THEN now.total_cart_add_count WHEN 'purchase' THEN now.total_purchase_count END AS total,
            CASE $6 WHEN 'impression' THEN before.total_query_impression_count WHEN 'click' THEN before.total_click_count WHEN 'cart_add' THEN before.total_cart_add_count WHEN 'purchase' THEN before.total_purchase_count END AS previous_total
        FROM sqp.query_sums($1, $2, $3, ARRAY[$4]) AS now
        JOIN sqp.query_sums($1, $2, $3, ARRAY[compared]) AS before USING (search_query_key)
    )
    SELECT search_query_key, search_query, own, previous_own, total, previous_total,
        own::numeric / nullif(total, 0), previous_own::numeric / nullif(previous_total, 0),
        100 * (own::numeric / nullif(total, 0) - previous_own::numeric / nullif(previous_total, 0)) AS gap
    FROM joined
    WHERE total >= $7 AND previous_total >= $7 AND total > 0 AND previous_total > 0
    ORDER BY abs(100 * (own::numeric / nullif(total, 0) - previous_own::numeric / nullif(previous_total, 0))) DESC NULLS LAST, search_query_key
    LIMIT $8;
END $$;

CREATE FUNCTION sqp.total(bigint)
    RETURNS bigint
    LANGUAGE internal IMMUTABLE PARALLEL SAFE
    AS $$aggregate_dummy$$;

CREATE FUNCTION sqp.unmap_asin(client text, marketplace text, asin text, origin text DEFAULT 'manual'::text)
    RETURNS boolean
    LANGUAGE plpgsql
    SET search_path=pg_catalog, pg_temp
    AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM sqp.asin_brand_map
    WHERE client_id = $1 AND marketplace_id = $2 AND asin = $3 AND origin = $4;
    RETURN FOUND;
END $$;

CREATE FUNCTION sqp.year_before(report_period text, period_start date)
    RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE report_period
    WHEN 'WEEK' THEN period_start - 364
    ELSE (period_start - interval '1 year')::date
END
$$;

CREATE TRIGGER insert_only BEFORE DELETE OR UPDATE ON refresh.refresh_audit_log FOR EACH ROW EXECUTE FUNCTION refresh.refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.refresh_audit_log FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON refresh.refresh_audit_log_rest FOR EACH STATEMENT EXECUTE FUNCTION refresh.refuse_change();
CREATE TRIGGER audit_slice_move AFTER UPDATE ON refresh.refresh_checkpoint FOR EACH ROW EXECUTE FUNCTION refresh.audit_slice_move();
CREATE TRIGGER audit_dependency AFTER INSERT OR DELETE OR UPDATE ON refresh.refresh_dependency FOR EACH ROW EXECUTE FUNCTION refresh.audit_dependency();
CREATE TRIGGER check_dependency BEFORE INSERT OR UPDATE ON refresh.refresh_dependency FOR EACH ROW EXECUTE FUNCTION refresh.check_dependency();
CREATE TRIGGER refuse_detours AFTER INSERT OR UPDATE ON refresh.refresh_dependency FOR EACH ROW EXECUTE FUNCTION refresh.refuse_detours();
CREATE TRIGGER forget_costs_deleted AFTER DELETE ON refresh.refresh_job_cost REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_costs();
CREATE TRIGGER forget_costs_inserted AFTER INSERT ON refresh.refresh_job_cost REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_costs();
CREATE TRIGGER forget_costs_moved AFTER UPDATE ON refresh.refresh_job_cost REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_costs();
CREATE TRIGGER forget_costs_updated AFTER UPDATE ON refresh.refresh_job_cost REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_costs();
CREATE TRIGGER audit_named_sql AFTER INSERT OR DELETE OR UPDATE ON refresh.refresh_named_sql FOR EACH ROW EXECUTE FUNCTION refresh.audit_named_sql();
CREATE TRIGGER guard_named_sql BEFORE INSERT OR DELETE OR UPDATE ON refresh.refresh_named_sql FOR EACH ROW EXECUTE FUNCTION refresh.guard_named_sql();
CREATE TRIGGER carry_trace BEFORE INSERT ON refresh.refresh_outbox FOR EACH ROW WHEN ((NOT (new.attributes ? 'traceparent'::text))) EXECUTE FUNCTION refresh.carry_trace();
CREATE TRIGGER audit_run_move AFTER INSERT OR UPDATE ON refresh.refresh_run FOR EACH ROW EXECUTE FUNCTION refresh.audit_run_move();
CREATE TRIGGER audit_configuration AFTER INSERT OR DELETE OR UPDATE ON refresh.refresh_table_registry FOR EACH ROW EXECUTE FUNCTION refresh.audit_configuration();
CREATE TRIGGER change_mode BEFORE UPDATE ON refresh.refresh_table_registry FOR EACH ROW WHEN ((new.mode <> old.mode)) EXECUTE FUNCTION refresh.change_mode();
CREATE TRIGGER check_drift_policies BEFORE INSERT OR UPDATE OF drift_policies ON refresh.refresh_table_registry FOR EACH ROW WHEN ((jsonb_typeof(new.drift_policies) = 'object'::text)) EXECUTE FUNCTION refresh.check_drift_policies();
CREATE TRIGGER check_max_bytes_billed_per_day BEFORE INSERT OR UPDATE OF max_bytes_billed_per_day ON refresh.refresh_table_registry FOR EACH ROW WHEN ((new.max_bytes_billed_per_day <= 0)) EXECUTE FUNCTION refresh.check_max_bytes_billed_per_day();
CREATE TRIGGER check_publish_group BEFORE INSERT OR UPDATE OF publish_group ON refresh.refresh_table_registry FOR EACH ROW WHEN ((new.publish_group !~ '^[a-z][a-z0-9_]{0,62}$'::text)) EXECUTE FUNCTION refresh.check_publish_group();
CREATE TRIGGER check_quality_rules BEFORE INSERT OR UPDATE OF checks ON refresh.refresh_table_registry FOR EACH ROW WHEN ((jsonb_typeof(new.checks) = 'object'::text)) EXECUTE FUNCTION refresh.check_quality_rules();
CREATE TRIGGER check_registration BEFORE INSERT OR UPDATE ON refresh.refresh_table_registry FOR EACH ROW EXECUTE FUNCTION refresh.check_registration();
CREATE TRIGGER check_rollback_publishes BEFORE INSERT OR UPDATE OF rollback_publishes ON refresh.refresh_table_registry FOR EACH ROW WHEN (((new.rollback_publishes < 0) OR (new.rollback_publishes > 1000))) EXECUTE FUNCTION refresh.check_rollback_publishes();
CREATE TRIGGER check_shadow_rules BEFORE INSERT OR UPDATE OF shadow_clean_days, shadow_tolerances, key_columns, scope_column ON refresh.refresh_table_registry FOR EACH ROW EXECUTE FUNCTION refresh.check_shadow_rules();
CREATE TRIGGER check_unregistration BEFORE DELETE ON refresh.refresh_table_registry FOR EACH ROW EXECUTE FUNCTION refresh.check_unregistration();
CREATE TRIGGER refuse_detours_inserted AFTER INSERT ON refresh.refresh_table_registry FOR EACH ROW WHEN ((new.publish_group IS NOT NULL)) EXECUTE FUNCTION refresh.refuse_detours();
CREATE TRIGGER refuse_detours_updated AFTER UPDATE OF publish_group ON refresh.refresh_table_registry FOR EACH ROW WHEN ((new.publish_group IS DISTINCT FROM old.publish_group)) EXECUTE FUNCTION refresh.refuse_detours();
CREATE TRIGGER announce_not_equal AFTER UPDATE ON refresh.refresh_task FOR EACH ROW WHEN (((new.mode = 'verify'::text) AND (new.status = 'warning'::text) AND (old.status = 'running'::text))) EXECUTE FUNCTION refresh.announce_not_equal();
CREATE TRIGGER announce_staged AFTER UPDATE OF phase ON refresh.refresh_task FOR EACH ROW WHEN (((new.publish_group IS NOT NULL) AND (new.phase = 'staged'::text) AND (old.phase <> 'staged'::text))) EXECUTE FUNCTION refresh.announce_staged();
CREATE TRIGGER announce_task_end AFTER UPDATE ON refresh.refresh_task FOR EACH ROW WHEN (refresh.is_terminal(new.status)) EXECUTE FUNCTION refresh.announce_task_end();
CREATE TRIGGER audit_task_move AFTER INSERT OR UPDATE ON refresh.refresh_task FOR EACH ROW EXECUTE FUNCTION refresh.audit_task_move();
CREATE TRIGGER forget_days_deleted AFTER DELETE ON refresh.refresh_task REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_days();
CREATE TRIGGER forget_days_inserted AFTER INSERT ON refresh.refresh_task REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_days();
CREATE TRIGGER forget_days_updated AFTER UPDATE ON refresh.refresh_task REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION refresh.forget_days();
CREATE TRIGGER guard_task_move BEFORE UPDATE ON refresh.refresh_task FOR EACH ROW EXECUTE FUNCTION refresh.guard_task_move();
CREATE TRIGGER note_last_task AFTER INSERT OR UPDATE ON refresh.refresh_task FOR EACH ROW WHEN (refresh.is_terminal(new.status)) EXECUTE FUNCTION refresh.note_last_task();
CREATE TRIGGER audit_webhook AFTER INSERT OR DELETE OR UPDATE ON refresh.webhook_endpoint FOR EACH ROW EXECUTE FUNCTION refresh.audit_webhook();
CREATE TRIGGER begin_import BEFORE INSERT ON sqp.asin_brand_import FOR EACH STATEMENT EXECUTE FUNCTION sqp.begin_import();
CREATE TRIGGER import_mapping INSTEAD OF INSERT ON sqp.asin_brand_import FOR EACH ROW EXECUTE FUNCTION sqp.import_mapping();
CREATE TRIGGER raise_input_version AFTER INSERT OR DELETE ON sqp.asin_brand_map FOR EACH ROW EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER raise_input_version_on_truncate AFTER TRUNCATE ON sqp.asin_brand_map FOR EACH STATEMENT EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER raise_input_version_on_update AFTER UPDATE ON sqp.asin_brand_map FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER forget_coverage AFTER TRUNCATE ON sqp.asin_performance_data FOR EACH STATEMENT EXECUTE FUNCTION sqp.forget_coverage();
CREATE TRIGGER record_coverage_of_new AFTER INSERT ON sqp.asin_performance_data REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sqp.record_coverage();
CREATE TRIGGER record_coverage_of_old AFTER DELETE ON sqp.asin_performance_data REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sqp.record_coverage();
CREATE TRIGGER import_mapping INSTEAD OF INSERT ON sqp.brand_import FOR EACH ROW EXECUTE FUNCTION sqp.import_mapping();
CREATE TRIGGER import_mapping INSTEAD OF INSERT ON sqp.brand_term_import FOR EACH ROW EXECUTE FUNCTION sqp.import_mapping();
CREATE TRIGGER raise_input_version AFTER INSERT OR DELETE ON sqp.brand_terms FOR EACH ROW EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER raise_input_version_on_truncate AFTER TRUNCATE ON sqp.brand_terms FOR EACH STATEMENT EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER raise_input_version_on_update AFTER UPDATE ON sqp.brand_terms FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER raise_input_version AFTER INSERT OR DELETE ON sqp.brands FOR EACH ROW EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER raise_input_version_on_truncate AFTER TRUNCATE ON sqp.brands FOR EACH STATEMENT EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER raise_input_version_on_update AFTER UPDATE ON sqp.brands FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER raise_input_version AFTER INSERT OR DELETE ON sqp.query_class FOR EACH ROW EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER raise_input_version_on_truncate AFTER TRUNCATE ON sqp.query_class FOR EACH STATEMENT EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER raise_input_version_on_update AFTER UPDATE ON sqp.query_class FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION refresh.raise_input_version();
CREATE TRIGGER begin_import BEFORE INSERT ON sqp.query_class_import FOR EACH STATEMENT EXECUTE FUNCTION sqp.begin_import();
CREATE TRIGGER import_mapping INSTEAD OF INSERT ON sqp.query_class_import FOR EACH ROW EXECUTE FUNCTION sqp.import_mapping();

CREATE EVENT TRIGGER refresh_register_commented ON ddl_command_end WHEN TAG IN ('COMMENT') EXECUTE FUNCTION refresh.register_commented();

COMMENT ON SCHEMA refresh IS 'Control plane of the BigQuery refresh: registry, runs, tasks, checkpoints, audit, outbox.';
COMMENT ON FUNCTION refresh.actor() IS 'Who acts: the setting refresh.actor where a transaction has set it, else the database user.';
COMMENT ON FUNCTION refresh.add_audit_month(pg_catalog.date) IS 'Gives a month (UTC, its first day) of the audit log its own partition, unless the rest holds rows of it.';
COMMENT ON FUNCTION refresh.build_index(pg_catalog.text,pg_catalog.text,pg_catalog.text[],boolean,pg_catalog.text) IS 'Builds an index on columns of a registered table, with the rights of its owner, unless there is one; returns its name. Tables can be read meanwhile, and are not published.';
COMMENT ON FUNCTION refresh.bytes_spent(pg_catalog.date,pg_catalog.text,pg_catalog.text) IS 'Bytes that jobs started on a day (UTC) have billed, or have reserved and may bill yet: of a table, or of all.';
COMMENT ON FUNCTION refresh.can_widen(pg_catalog.text,pg_catalog.text) IS 'Whether every value of a type, as format_type() writes it, stays itself in the other.';
COMMENT ON FUNCTION refresh.cancel_backfill(pg_catalog.uuid,pg_catalog.text) IS 'Ends a backfill: what it has published stays, what is under way is given up. False when it had ended, or is unknown.';
COMMENT ON FUNCTION refresh.carry_trace() IS 'Puts the trace into the attributes of a message that is owed.';
COMMENT ON FUNCTION refresh.clean_days(pg_catalog.text,pg_catalog.text) IS 'Days on which a shadow and its table were equal, since the last day on which they were not, under the definition of today. Days without a report do not count, and do not interrupt.';
COMMENT ON FUNCTION refresh.cleanup(integer,integer,integer,integer,integer,integer,integer,timestamp with time zone,integer,bigint) IS 'Removes, by age, what is no longer needed, at most batch_rows of a kind; returns counts. Tables in use are left for the next call.';
COMMENT ON FUNCTION refresh.cleanup_reports(integer,integer,timestamp with time zone) IS 'Removes old reports of dry runs and plans, at most batch_rows; returns counts. Called with refresh.cleanup.';
COMMENT ON FUNCTION refresh.cleanup_webhooks(integer,integer,timestamp with time zone) IS 'Removes deliveries that ended long ago and secrets whose overlap is over; returns counts.';
COMMENT ON FUNCTION refresh.column_type(pg_catalog.regclass,pg_catalog.text) IS 'Name of a column''s type, through domains; NULL when there is no such column.';
COMMENT ON FUNCTION refresh.configuration(refresh.refresh_table_registry) IS 'The part of a registry row that people decide.';
COMMENT ON FUNCTION refresh.counted(pg_catalog.text,pg_catalog.text,pg_catalog.regclass,pg_catalog.text,pg_catalog.text) IS 'A statement that writes, tells how many rows, and keeps what it returns for a rollback (kind NULL: nothing).';
COMMENT ON FUNCTION refresh.demote(pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Back to shadow: the live table stays as it is, for another program to fill, and the shadow begins as its copy. Returns the rows copied.';
COMMENT ON FUNCTION refresh.disable_webhook(pg_catalog.uuid,pg_catalog.text) IS 'Disables an endpoint and ends what waits for it; false when it was disabled or is gone.';
COMMENT ON FUNCTION refresh.drop_undo(integer,bigint,timestamp with time zone) IS 'Throws away what publishes have overwritten: older than so many days, more than a table keeps, or more than so many bytes in all, the oldest first.';
COMMENT ON FUNCTION refresh.empty_audit_rest() IS 'Moves the rows of the default partition of the audit log into partitions of their months.';
COMMENT ON FUNCTION refresh.evolve_table(pg_catalog.text,pg_catalog.text,pg_catalog.jsonb,pg_catalog.uuid) IS 'Makes safe changes of a refreshed table with the rights of its owner: [{"change": "add_column", "widen_column" or "drop_not_null", "column": …, "type": …}]. What is done already is left alone; returns what was done.';
COMMENT ON FUNCTION refresh.expire_publish(bigint) IS 'Throws away what a publish has overwritten.';
COMMENT ON FUNCTION refresh.expire_publishes(pg_catalog.text,pg_catalog.text,integer) IS 'Throws away what all but the last `kept` publishes of a table have overwritten; returns how many. Under the lock of its registry row.';
COMMENT ON FUNCTION refresh.failing_rows(pg_catalog.text) IS 'How many rows a query returns, with the rights of refresh_check: to read the temporary view "staged", and what that role was granted besides.';
COMMENT ON FUNCTION refresh.grant_access(pg_catalog.text) IS 'Lets the loader fill, and the API and dashboards read, the tables of a schema, those made later by the caller included.';
COMMENT ON FUNCTION refresh.held_checks(refresh.refresh_task) IS 'Names of the checks for which a run holds a table; NULL when there are none.';
COMMENT ON FUNCTION refresh.held_scopes(refresh.refresh_task) IS 'What a run has kept from being published of a table: all that changed, or the scopes that a check has held.';
COMMENT ON FUNCTION refresh.hold_to_decide(pg_catalog.text,pg_catalog.uuid) IS 'The held task (of the run, or the latest), locked; an error with SQLSTATE RF… says why there is nothing to decide.';
COMMENT ON FUNCTION refresh.interval_hours(integer,integer) IS 'How often a table can be refreshed at best, in hours: its frequency in whole intervals of the daily trigger.';
COMMENT ON FUNCTION refresh.is_wanted(pg_catalog.text[],pg_catalog.text[],pg_catalog.text,pg_catalog.text) IS 'Whether an endpoint with these filters gets the event.';
COMMENT ON FUNCTION refresh.key_match(pg_catalog.regclass,pg_catalog.text[]) IS 'Condition that t and u have the same key.';
COMMENT ON FUNCTION refresh.late_reports() IS 'Reports that are missing past their alert, of every registered warehouse.';
COMMENT ON FUNCTION refresh.make_shadow(pg_catalog.text,pg_catalog.text) IS 'Makes the shadow of a registered table, empty, unless there is one of the table''s shape; returns its name in refresh_shadow.';
COMMENT ON FUNCTION refresh.make_undo(refresh.refresh_table_registry,pg_catalog.uuid) IS 'The table for what a promotion overwrites, as shared/refresh/undo.py makes it; NULL where nothing has to be kept.';
COMMENT ON TABLE refresh.managed_schema IS 'Schemas whose tables register themselves by a comment that has, at its end, refresh: {…}: options of refresh.register_table as JSON.';
COMMENT ON FUNCTION refresh.mode_allows(pg_catalog.text,pg_catalog.text) IS 'Whether a run of that mode may be made of a table of that mode: it may go less far, never further.';
COMMENT ON FUNCTION refresh.month_costs(pg_catalog.date,pg_catalog.date) IS 'What the jobs of a month''s days (UTC) before `until` billed: a row for each table, and one for each day, without runs. usd: of jobs with a price, bytes_unpriced: of those without.';
COMMENT ON FUNCTION refresh.owe_stale_events(timestamp with time zone) IS 'Owes the data.stale events of every registered warehouse; called by the sweep. Returns how many.';
COMMENT ON FUNCTION refresh.owe_stale_tables(integer) IS 'Owes a data.stale event, once, for each live table whose data is older than its interval and an hour; called by the sweep. Returns how many.';
COMMENT ON FUNCTION refresh.promote(pg_catalog.text,boolean,pg_catalog.text,pg_catalog.text) IS 'Makes what is in a table''s shadow live, after shadow_clean_days clean days, or before by force with a reason. One transaction, a run of its own, which refresh.roll_back takes back. Returns the run and the rows written.';
COMMENT ON FUNCTION refresh.promoted_run(refresh.refresh_table_registry,refresh.refresh_shadow,pg_catalog.jsonb,pg_catalog.text) IS 'A promotion is a run of its own, so that history, events and rollback know it.';
COMMENT ON FUNCTION refresh.publishes_in_the_way(refresh.refresh_publish) IS 'Later publishes of the table, the newest first, that touch the same rows and have to be taken back before.';
COMMENT ON TABLE refresh.refresh_audit_log IS 'Something that happened. Insert-only; folding the task events gives refresh_task.';
COMMENT ON TABLE refresh.refresh_backfill IS 'A range of scope values of a table that somebody wants loaded. run_id: the run that is at it, or was last.';
COMMENT ON COLUMN refresh.refresh_backfill.snapshot_at IS 'The newest snapshot that it has published of.';
COMMENT ON TABLE refresh.refresh_backfill_batch IS 'A part of a backfill that is visible slice by slice: what one run loads and publishes.';
COMMENT ON TABLE refresh.refresh_checkpoint IS 'A slice of a task: which scopes, which BigQuery job, how far it was read and staged.';
COMMENT ON COLUMN refresh.refresh_checkpoint.rows_received IS 'Rows of the slice''s result; rows_read counts the source rows behind them.';
COMMENT ON COLUMN refresh.refresh_checkpoint.stream_offsets IS 'Committed offset of each stream of read_session; an offset belongs to its session alone.';
COMMENT ON TABLE refresh.refresh_cost_month IS 'Figures of the jobs that were started in a month (UTC), on days that are over: made when first asked for, gone when one of them changes.';
COMMENT ON COLUMN refresh.refresh_cost_month.covered_until IS 'The first day whose jobs are not in the figures.';
COMMENT ON COLUMN refresh.refresh_cost_month.figures IS 'JSON array of what refresh.month_costs returns.';
COMMENT ON TABLE refresh.refresh_day IS 'Figures of the tasks that ended on a day (UTC) that is over: made when first asked for, gone when one of them changes.';
COMMENT ON COLUMN refresh.refresh_day.by_status IS 'JSON object, status to number of live tasks; by_status_not_live: of the others.';
COMMENT ON COLUMN refresh.refresh_day.durations IS 'Number of tasks that were started; p50_ms and p95_ms are theirs.';
COMMENT ON COLUMN refresh.refresh_day.quantiles_ms IS 'Their durations, ascending; of more than 200 the middles of 200 equal parts.';
COMMENT ON TABLE refresh.refresh_dead_letter IS 'A message that nobody could handle, with the reason; the payload can be replayed.';
COMMENT ON TABLE refresh.refresh_dependency IS 'A table waits for another: hard needs its success, soft only its end.';
COMMENT ON TABLE refresh.refresh_diff IS 'What a publish would do to one scope value, found by a dry run; by a plan without the rows that it would write.';
COMMENT ON COLUMN refresh.refresh_diff.columns IS 'JSON object, column to the number of rows in which it would be changed.';
COMMENT ON COLUMN refresh.refresh_diff.rows_inserted IS 'Rows that would be inserted; NULL for a plan, and for a scope that would be left alone. So are rows_updated, rows_deleted.';
COMMENT ON COLUMN refresh.refresh_diff.samples IS 'JSON object with keys of some rows that would be inserted, updated and deleted; of updated ones also the columns.';
COMMENT ON TABLE refresh.refresh_heartbeat IS 'When the sweep, and its hourly cleanup, last ran to their end.';
COMMENT ON TABLE refresh.refresh_input_version IS 'A table without a source that summaries read, such as a mapping kept by hand, with a version that its changes raise.';
COMMENT ON TABLE refresh.refresh_job_cost IS 'What a BigQuery job bills: as estimated before it starts, and in bytes and at the price of then once it has ended.';
COMMENT ON TABLE refresh.refresh_last_task IS 'The task of each table that ended last, of each mode, backfills left out: they refresh nothing. Written as tasks end.';
COMMENT ON COLUMN refresh.refresh_last_task.held_checks IS 'Names of the checks that failed and hold; NULL when none does.';
COMMENT ON COLUMN refresh.refresh_last_task.held_scopes IS 'How many scopes it has kept from being published.';
COMMENT ON TABLE refresh.refresh_named_sql IS 'A SELECT in GoogleSQL that tables take as their source, as sql:name.';
COMMENT ON COLUMN refresh.refresh_named_sql.sql IS 'Reads every table FOR SYSTEM_TIME AS OF @snapshot_at.';
COMMENT ON TABLE refresh.refresh_outbox IS 'A message that is owed, written in the transaction that makes it true.';
COMMENT ON TABLE refresh.refresh_partition_state IS 'A scope value of a target table as last published; fingerprint NULL: the scope had vanished, or was never published.';
COMMENT ON COLUMN refresh.refresh_partition_state.fingerprint IS 'Of the source as published. NULL: the scope has no rows; empty: it has rows that no run of ours can vouch for.';
COMMENT ON COLUMN refresh.refresh_partition_state.refused IS 'Everything taken back or refused since the last publish: JSON object, fingerprint to definition hash.';
COMMENT ON COLUMN refresh.refresh_partition_state.refused_fingerprint IS 'What was taken back or refused last, and is not published again by itself; empty: that the scope had vanished.';
COMMENT ON COLUMN refresh.refresh_partition_state.refused_why IS 'JSON object, fingerprint to "refused" for what was refused while it was held; the others were taken back.';
COMMENT ON TABLE refresh.refresh_publish IS 'A publish that wrote rows: what it wrote, and where what it overwrote is kept.';
COMMENT ON COLUMN refresh.refresh_publish.expired_at IS 'When what it overwrote was thrown away; it cannot be taken back any more.';
COMMENT ON COLUMN refresh.refresh_publish.key_columns IS 'By which the kept rows are found in the table; none: by their whole image.';
COMMENT ON COLUMN refresh.refresh_publish.was_empty IS 'The table had no row before, so nothing had to be kept.';
COMMENT ON TABLE refresh.refresh_publish_scope IS 'A scope value that a publish wrote: its fingerprint, and refresh_partition_state as it was before.';
COMMENT ON TABLE refresh.refresh_quarantine IS 'A source row that the target cannot hold, with the reason.';
COMMENT ON COLUMN refresh.refresh_quarantine.resolved_by IS 'The run that has published the row''s scope anew: the row fits now, is gone, or was put aside again by that run.';
COMMENT ON TABLE refresh.refresh_refusal IS 'A held delivery that somebody has refused, and why.';
COMMENT ON COLUMN refresh.refresh_run.request IS 'What was asked: tables (schema.name), force, mode.';
COMMENT ON COLUMN refresh.refresh_run.snapshot_at IS 'The moment, by the clock of BigQuery, at which every query of the run reads.';
COMMENT ON COLUMN refresh.refresh_run.traceparent IS 'W3C Trace Context of the span in which the run was made; NULL: none was open.';
COMMENT ON TABLE refresh.refresh_shadow IS 'The shadow of a table, and how fresh it is; made by the first shadow run, and anew when the table''s columns change.';
COMMENT ON COLUMN refresh.refresh_shadow.columns IS 'Target columns that the source feeds, as of the last refresh; so are key_columns, scope_column, scope_bucket.';
COMMENT ON COLUMN refresh.refresh_shadow.held_scopes IS 'Scopes that the last refresh of the shadow held.';
COMMENT ON COLUMN refresh.refresh_shadow.shape IS 'The live table''s columns when the shadow was made.';
COMMENT ON TABLE refresh.refresh_shadow_report IS 'How a shadow and its live table differed; the last comparison of each day (UTC, of the run''s scheduled time).';
COMMENT ON COLUMN refresh.refresh_shadow_report.columns IS 'JSON object, column to the number of rows that differ in it by more than its tolerance.';
COMMENT ON COLUMN refresh.refresh_shadow_report.missing IS 'Rows of the shadow that the live table has not; extra: the other way round; differing: by key in both, with other values.';
COMMENT ON TABLE refresh.refresh_shadow_state IS 'refresh_partition_state of the shadows; a promotion makes it the table''s.';
COMMENT ON TABLE refresh.refresh_source_schema IS 'A source''s columns as of the last publish of its table: what differs from them is drift.';
COMMENT ON TABLE refresh.refresh_stale_told IS 'A table whose staleness was told by a data.stale event: once until its data is newer.';
COMMENT ON COLUMN refresh.refresh_stale_told.since IS 'The moment that its data was of; of a table without data, when it was registered.';
COMMENT ON TABLE refresh.refresh_table_registry IS 'A table or materialized view that is refreshed, and how.';
COMMENT ON COLUMN refresh.refresh_table_registry.checks IS 'What is checked before a publish: thresholds of the gates (table_min_ratio, max_deleted_share, scope_min_ratio, scope_history), null_share, range and allowed_values of columns, row_count, custom_sql, quarantine; the data''s own checks by name, {"max": fraction of rows, "outcome": "warn", "hold" or "off"}; expected_days and stale_days after a period''s end.';
COMMENT ON COLUMN refresh.refresh_table_registry.column_map IS 'JSON object, source column to target column; null leaves a column out.';
COMMENT ON COLUMN refresh.refresh_table_registry.config_version IS 'Raised by every change of the configuration.';
COMMENT ON COLUMN refresh.refresh_table_registry.data_version IS 'Raised by every publish that wrote rows; summaries compare it.';
COMMENT ON COLUMN refresh.refresh_table_registry.drift_policies IS 'JSON object, kind of change at the source (added, dropped, renamed, widened, narrowed, retyped, nullability) to evolve, ignore or hold; the usual policy where absent.';
COMMENT ON COLUMN refresh.refresh_table_registry.key_columns IS 'Target columns of a unique index; empty takes the primary key, and without one means a table without a key.';
COMMENT ON COLUMN refresh.refresh_table_registry.loaded_at_column IS 'Target column that takes the time of the publish for rows that it wrote.';
COMMENT ON COLUMN refresh.refresh_table_registry.lookback IS 'Days before the snapshot to scan; NULL scans everything.';
COMMENT ON COLUMN refresh.refresh_table_registry.max_bytes_billed_per_day IS 'Cap for all BigQuery jobs of the table in a day (UTC); NULL for none.';
COMMENT ON COLUMN refresh.refresh_table_registry.nul_policies IS 'JSON object, target column to strip, reject or quarantine; strip where absent.';
COMMENT ON COLUMN refresh.refresh_table_registry.publish_group IS 'Tables with the same one are published in one transaction; NULL: alone.';
COMMENT ON COLUMN refresh.refresh_table_registry.rollback_publishes IS 'How many of the last publishes that wrote rows can be taken back; 0 keeps nothing.';
COMMENT ON COLUMN refresh.refresh_table_registry.scanned_snapshot_at IS 'Newest snapshot at which a published run scanned every scope from scanned_from on.';
COMMENT ON COLUMN refresh.refresh_table_registry.scope_bucket IS 'day, week (from Sunday), month or hash:N: scope values of many distinct ones.';
COMMENT ON COLUMN refresh.refresh_table_registry.scope_column IS 'Target column whose values are planned, compared and published apart.';
COMMENT ON COLUMN refresh.refresh_table_registry.shadow_clean_days IS 'Days in a row on which the shadow and the live table had to be equal before the table may be promoted.';
COMMENT ON COLUMN refresh.refresh_table_registry.shadow_tolerances IS 'JSON object, target column to {"absolute": number}, {"relative": fraction}, both, or {"ignore": true}.';
COMMENT ON COLUMN refresh.refresh_table_registry.source IS 'BigQuery table or view, project.dataset.table, or a named SQL, sql:name.';
COMMENT ON COLUMN refresh.refresh_task.attempt IS 'Claims since the task last made progress.';
COMMENT ON COLUMN refresh.refresh_task.commit_marker IS 'Written by each fenced transaction: tells whether a COMMIT without reply took place.';
COMMENT ON COLUMN refresh.refresh_task.mode IS 'How far the task goes: plan finds what changed, dry_run reports what a publish would do, live publishes; verify compares.';
COMMENT ON COLUMN refresh.refresh_task.owed_at IS 'When a message for the task was last put into the outbox.';
COMMENT ON COLUMN refresh.refresh_task.publish_group IS 'The table''s group when the run was planned; NULL also where it publishes nothing.';
COMMENT ON COLUMN refresh.refresh_task.staged_at IS 'Since when everything is there for it to be published.';
COMMENT ON TABLE refresh.refresh_task_definition IS 'How the staged rows of a task become those of its table, as it was planned.';
COMMENT ON TABLE refresh.refresh_task_scope IS 'What the plan found for one scope value, and does about it.';
COMMENT ON COLUMN refresh.refresh_task_scope.published_rows IS 'Rows that were published of the scope when the plan was made.';
COMMENT ON FUNCTION refresh.refresh_view(pg_catalog.text,pg_catalog.text) IS 'Refreshes a registered materialized view while it is read, with the rights of its owner; returns its rows.';
COMMENT ON FUNCTION refresh.refuse(pg_catalog.text,pg_catalog.text,pg_catalog.uuid,pg_catalog.text) IS 'Refuses what a run (by default the latest) has held of a table (schema.table): the same content is held again without being asked about. Returns how many scopes.';
COMMENT ON FUNCTION refresh.register_table(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.jsonb,pg_catalog.text[],pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text,integer,integer,integer,integer,integer,bigint,pg_catalog.jsonb,pg_catalog.jsonb,pg_catalog.text,pg_catalog.jsonb,integer,pg_catalog.jsonb,bigint,integer,pg_catalog.jsonb,pg_catalog.text) IS 'Registers a table, or sets its whole configuration anew. depends_on: {"schema.name": "hard" or "soft"}; NULL leaves the dependencies as they are.';
COMMENT ON FUNCTION refresh.release(pg_catalog.text,pg_catalog.uuid,pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Asks for a run that publishes what a run (by default the latest) has held of a table (schema.table), as it was shown. Returns the new run''s id.';
COMMENT ON FUNCTION refresh.replay_quarantine(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Asks for a run that reads the scopes anew of which rows are in quarantine, changed or not. Returns its id.';
COMMENT ON FUNCTION refresh.request_backfill(pg_catalog.text,pg_catalog.date,pg_catalog.date,pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Asks for the scopes of a table (schema.table) from one day to another, behind the daily runs. visible: slice (published part by part) or end (all at once). Returns the backfill''s id.';
COMMENT ON FUNCTION refresh.request_run(pg_catalog.text[],boolean,pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Asks for a manual run of the named tables (schema.table), or of all that are enabled. mode: live, shadow, dry_run or plan instead of what each is registered with; never further. Returns the run id.';
COMMENT ON FUNCTION refresh.rfc3339(timestamp with time zone) IS 'A time as answers of the API write it: in UTC, with microseconds where there are any.';
COMMENT ON FUNCTION refresh.roll_back(pg_catalog.uuid,pg_catalog.text[],pg_catalog.text,pg_catalog.text) IS 'Takes a run''s publishes back, of the named tables (schema.table) or of all, in one transaction, and refreshes the materialized views over them. Returns what was taken back; refuses with the runs that have to be taken back before.';
COMMENT ON FUNCTION refresh.roll_up_costs(pg_catalog.date) IS 'Keeps what the days of a month that are over have cost.';
COMMENT ON FUNCTION refresh.roll_up_days(timestamp with time zone) IS 'Fills refresh_day for whole days from `since` on (NULL: from the first task), and returns the span that it covers.';
COMMENT ON FUNCTION refresh.rows_by_scope(pg_catalog.text,pg_catalog.text) IS 'How many rows a registered table holds of each scope value.';
COMMENT ON FUNCTION refresh.scope_expression(pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'SQL of the scope value of a row.';
COMMENT ON FUNCTION refresh.shown_webhook(refresh.webhook_endpoint) IS 'The configuration of an endpoint, without its secrets.';
COMMENT ON FUNCTION refresh.table_shape(pg_catalog.regclass) IS 'Columns and unique keys of a table, as text that changes when they do.';
COMMENT ON FUNCTION refresh.unique_keys(pg_catalog.regclass) IS 'Sorted columns of each unique index that can serve as a key: whole, valid, plain columns.';
COMMENT ON FUNCTION refresh.views_over(pg_catalog.text[]) IS 'Registered materialized views that depend on the tables; in the order of depth each comes after those that it reads.';
COMMENT ON FUNCTION refresh.views_over_table(pg_catalog.text,pg_catalog.text) IS 'Live materialized views that depend on a table, also through one another.';
COMMENT ON FUNCTION refresh.waits_for(refresh.refresh_task) IS 'The tables of its run that an open task waits for: those of its publish group that are not staged, or its inputs. NULL: none.';
COMMENT ON FUNCTION refresh.waits_since(refresh.refresh_task) IS 'When an open task began to wait: when it was staged, or, before it has begun, when it was made.';
COMMENT ON FUNCTION refresh.watch_input(pg_catalog.regclass) IS 'Lets changes of a table raise its version, so that registered materialized views that read it are refreshed.';
COMMENT ON TABLE refresh.webhook_delivery IS 'One event on its way to one endpoint; event_id is the webhook-id of every attempt.';
COMMENT ON COLUMN refresh.webhook_delivery.traceparent IS 'W3C Trace Context of the span in which the delivery was owed; NULL: none was open.';
COMMENT ON TABLE refresh.webhook_endpoint IS 'A receiver of events, and which of them it gets.';
COMMENT ON COLUMN refresh.webhook_endpoint.events IS 'Event types; empty: all.';
COMMENT ON COLUMN refresh.webhook_endpoint.failing_since IS 'First failed attempt after the last one that succeeded.';
COMMENT ON COLUMN refresh.webhook_endpoint.paused_until IS 'Until when the receiver asked to be left alone (Retry-After).';
COMMENT ON COLUMN refresh.webhook_endpoint.sealed_url IS 'The URL, encrypted: Slack''s is a password.';
COMMENT ON COLUMN refresh.webhook_endpoint.secret IS 'Signing secret, encrypted.';
COMMENT ON COLUMN refresh.webhook_endpoint.tables IS 'Patterns of schema.name, * for any characters; empty: all.';
COMMENT ON COLUMN refresh.webhook_endpoint.url IS 'Where events are posted; where sealed_url is set, only what may be shown of it.';
COMMENT ON SCHEMA refresh_shadow IS 'Shadows of registered tables, named "schema.name"; each is dropped when its table is promoted.';
COMMENT ON SCHEMA refresh_staging IS 'UNLOGGED staging tables, one a task; dropped when the task publishes or expires.';
COMMENT ON SCHEMA refresh_undo IS 'Rows that publishes have overwritten, one table a publish; dropped when it is taken back or expires.';
COMMENT ON SCHEMA sqp IS 'Amazon Search Query Performance: own ASINs and their markets, by query and report period.';
COMMENT ON FUNCTION sqp.add_brand(pg_catalog.text,pg_catalog.text) IS 'Makes a brand of a client, unless there is one; returns its id.';
COMMENT ON FUNCTION sqp.add_brand_term(pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Makes queries with these words, in this order, branded ones.';
COMMENT ON VIEW sqp.asin_brand_import IS 'COPY sqp.asin_brand_import FROM STDIN (FORMAT csv, HEADER match) takes client_id, marketplace_id, asin, brand: manual entries; brands that are new are made.';
COMMENT ON COLUMN sqp.asin_brand_import.asin IS 'Own (child) ASIN.';
COMMENT ON COLUMN sqp.asin_brand_import.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.asin_brand_import.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.asin_brand_import.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON TABLE sqp.asin_brand_map IS 'The brand of an ASIN in a marketplace; a manual entry beats an automatic one.';
COMMENT ON COLUMN sqp.asin_brand_map.asin IS 'Own (child) ASIN.';
COMMENT ON COLUMN sqp.asin_brand_map.brand_id IS 'Number of the brand.';
COMMENT ON COLUMN sqp.asin_brand_map.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.asin_brand_map.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.asin_brand_map.origin IS 'manual: by a person, beats automatic: found by sqp.map_asins_by_title.';
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
COMMENT ON MATERIALIZED VIEW sqp.asin_period_summary IS 'ASIN × period. The market of an ASIN is that of the queries on which it stands, each once: never sum market figures over ASINs.';
COMMENT ON COLUMN sqp.asin_period_summary.asin IS 'Own (child) ASIN.';
COMMENT ON COLUMN sqp.asin_period_summary.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.asin_period_summary.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.asin_period_summary.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.asin_period_summary.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.asin_period_summary.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.asin_period_summary.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.asin_period_summary.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.asin_period_summary.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.asin_period_summary.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.asin_period_summary.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.asin_period_summary.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.asin_period_summary.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.asin_period_summary.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.asin_period_summary.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.asin_period_summary.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.asin_period_summary.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.asin_period_summary.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.asin_period_summary.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.asin_period_summary.parent_asin IS 'NULL where none was delivered.';
COMMENT ON COLUMN sqp.asin_period_summary.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.asin_period_summary.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.asin_period_summary.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.asin_period_summary.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.asin_period_summary.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.asin_period_summary.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.asin_period_summary.title IS 'Product name; NULL where the source has none.';
COMMENT ON COLUMN sqp.asin_period_summary.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.asin_period_summary.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.asin_period_summary.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.asin_period_summary.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON VIEW sqp.brand_dashboard_freshness IS 'sqp.freshness as of now.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.data_age_days IS 'Days since the newest published period ended, UTC.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.data_status IS 'fresh, late or stale.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.job_last_status IS 'Status of its last task.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.job_last_success_at IS 'When the table was last refreshed, with or without new data.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.job_status IS 'current, failing, overdue or never.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.last_period_end IS 'Last day of the newest published period.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.last_period_start IS 'First day of the newest published period.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.missing_periods IS 'First days of those periods.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.n_missing_periods IS 'Periods that were expected and are not there.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.next_expected_on IS 'Day on which the report of that period is expected.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.next_period_end IS 'Last day of the period after it.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.brand_dashboard_freshness.summaries_refreshed_at IS 'When the summary that was refreshed longest ago was.';
COMMENT ON VIEW sqp.brand_dashboard_kpis IS 'Brand × period with its change against the period before and the year before. _change is now ÷ then − 1, NULL where then was 0 or not reported; _gap_pp is the share now − the share then, in percentage points. A year before a week is 364 days.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_cart_add_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_cart_add_count_year_change IS 'Now ÷ a year before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_click_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_click_count_year_change IS 'Now ÷ a year before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_impression_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_impression_count_year_change IS 'Now ÷ a year before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_purchase_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.asin_purchase_count_year_change IS 'Now ÷ a year before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.cart_add_share_gap_pp IS 'Share now − share of the period before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.cart_add_share_year_gap_pp IS 'Share now − share a year before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.click_share_gap_pp IS 'Share now − share of the period before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.click_share_year_gap_pp IS 'Share now − share a year before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.impression_share_gap_pp IS 'Share now − share of the period before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.impression_share_year_gap_pp IS 'Share now − share a year before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.is_latest IS 'Whether it is the newest period of the brand.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.previous_period_start IS 'First day of the period that _change and _gap_pp compare with.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.purchase_share_gap_pp IS 'Share now − share of the period before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.purchase_share_year_gap_pp IS 'Share now − share a year before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.search_query_volume_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.search_query_volume_year_change IS 'Now ÷ a year before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_cart_add_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_cart_add_count_year_change IS 'Now ÷ a year before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_click_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_click_count_year_change IS 'Now ÷ a year before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_purchase_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_purchase_count_year_change IS 'Now ÷ a year before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_query_impression_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.total_query_impression_count_year_change IS 'Now ÷ a year before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_kpis.year_before_period_start IS 'First day of the period that _year_change and _year_gap_pp compare with.';
COMMENT ON VIEW sqp.brand_dashboard_products IS 'ASIN × period with its brand, and its change against the period before as in sqp.brand_dashboard_kpis. Never sum market figures over ASINs.';
COMMENT ON COLUMN sqp.brand_dashboard_products.asin IS 'Own (child) ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_products.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_products.asin_cart_add_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_products.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_products.asin_click_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_products.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_products.asin_impression_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_products.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_products.asin_purchase_count_change IS 'Now ÷ the period before − 1; NULL without that period, or where it had 0.';
COMMENT ON COLUMN sqp.brand_dashboard_products.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.brand_dashboard_products.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_products.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_products.cart_add_share_gap_pp IS 'Share now − share of the period before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_products.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_products.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_products.click_share_gap_pp IS 'Share now − share of the period before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_products.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_products.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.brand_dashboard_products.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_products.impression_share_gap_pp IS 'Share now − share of the period before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_products.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_products.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_products.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_products.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_products.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.brand_dashboard_products.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.brand_dashboard_products.parent_asin IS 'NULL where none was delivered.';
COMMENT ON COLUMN sqp.brand_dashboard_products.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.brand_dashboard_products.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.brand_dashboard_products.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_products.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_products.purchase_share_gap_pp IS 'Share now − share of the period before, in percentage points; NULL without that period.';
COMMENT ON COLUMN sqp.brand_dashboard_products.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.brand_dashboard_products.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.brand_dashboard_products.title IS 'Product name; NULL where the source has none.';
COMMENT ON COLUMN sqp.brand_dashboard_products.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_products.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_products.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_products.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON VIEW sqp.brand_dashboard_queries IS 'Brand × query × period with class, indices (own rate ÷ market rate), share gaps in percentage points and lost purchases as in sqp.lost_purchases, of the brand. Never sum market figures over brands.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.class IS 'branded, generic or competitor.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.click_share_gap_pp IS 'Click share − impression share, in percentage points.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.click_through_rate_index IS 'Own click-through rate ÷ the market''s; 1 is equal.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.lost_purchases_gap IS 'max(0, own clicks × market purchase rate − own purchases); purchases.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.lost_purchases_headroom IS 'Market purchases − own purchases.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.lost_purchases_rest IS 'The same at the purchase rate of the rest of the market; purchases.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.lost_purchases_visibility IS 'max(0, market purchases × own impression share − own purchases); purchases.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.n_own_asins IS 'Own ASINs with a row.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.purchase_rate_index IS 'Own purchase rate ÷ the market''s; 1 is equal.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.purchase_share_gap_pp IS 'Purchase share − click share, in percentage points.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.search_query IS 'Query text as delivered; where spellings share the key, the latest delivered one.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.search_query_key IS 'Query text, NFKC, case-folded, white space collapsed and trimmed.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_queries.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON VIEW sqp.brand_dashboard_timeseries IS 'Brand × period: counts, shares and rates to be drawn over period_start; keep to one report_period.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.brand_dashboard_timeseries.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON VIEW sqp.brand_import IS 'COPY sqp.brand_import FROM STDIN (FORMAT csv, HEADER match) takes client_id, brand: makes the brands that are new.';
COMMENT ON COLUMN sqp.brand_import.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.brand_import.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON VIEW sqp.brand_of_asin IS 'The brand that counts for an ASIN: the manual entry, else the automatic one.';
COMMENT ON COLUMN sqp.brand_of_asin.asin IS 'Own (child) ASIN.';
COMMENT ON COLUMN sqp.brand_of_asin.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.brand_of_asin.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.brand_of_asin.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.brand_of_asin.origin IS 'manual: by a person, beats automatic.';
COMMENT ON MATERIALIZED VIEW sqp.brand_period_summary IS 'Brand × period. The market of a brand is that of the queries on which one of its ASINs stands, each once. Own counts add up over brands; market figures do not, for brands share queries.';
COMMENT ON COLUMN sqp.brand_period_summary.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.brand_period_summary.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.brand_period_summary.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.brand_period_summary.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.brand_period_summary.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.brand_period_summary.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_period_summary.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_period_summary.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.brand_period_summary.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_period_summary.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.brand_period_summary.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.brand_period_summary.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_period_summary.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_period_summary.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.brand_period_summary.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.brand_period_summary.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_period_summary.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.brand_period_summary.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.brand_period_summary.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.brand_period_summary.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.brand_period_summary.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.brand_period_summary.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.brand_period_summary.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.brand_period_summary.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.brand_period_summary.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.brand_period_summary.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.brand_period_summary.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.brand_period_summary.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON VIEW sqp.brand_term_import IS 'COPY sqp.brand_term_import FROM STDIN (FORMAT csv, HEADER match) takes client_id, brand, term; brands that are new are made.';
COMMENT ON COLUMN sqp.brand_term_import.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.brand_term_import.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.brand_term_import.term IS 'Words, as a query key, that make a query a branded one.';
COMMENT ON TABLE sqp.brand_terms IS 'Terms that make a query a branded one.';
COMMENT ON COLUMN sqp.brand_terms.brand_id IS 'Number of the brand.';
COMMENT ON COLUMN sqp.brand_terms.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.brand_terms.term IS 'Words, as a query key, that make a query a branded one.';
COMMENT ON TABLE sqp.brands IS 'Brands of a client. The name unmapped is kept for ASINs without a brand.';
COMMENT ON COLUMN sqp.brands.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.brands.brand_id IS 'Number of the brand.';
COMMENT ON COLUMN sqp.brands.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON FUNCTION sqp.cannibalisation(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,bigint,integer) IS 'Queries on which at least two own ASINs have min_impressions impressions or more: their number, HHI = Σ(iₐ/i)² over all own ASINs (1: one alone; 1/n: n equal ones), the ASIN with most impressions and its part of the own ones. Most own impressions first.';
COMMENT ON MATERIALIZED VIEW sqp.cannibalisation_summary IS 'Queries on which at least two own ASINs have impressions. impression_hhi = Σ(own impressions of an ASIN ÷ own impressions)²: 1 is one ASIN alone, 1 ÷ n is n equal ones.';
COMMENT ON COLUMN sqp.cannibalisation_summary.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.cannibalisation_summary.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.cannibalisation_summary.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.cannibalisation_summary.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.cannibalisation_summary.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.cannibalisation_summary.impression_hhi IS 'Σ(impressions of an own ASIN ÷ own impressions)²; 1 is one ASIN alone.';
COMMENT ON COLUMN sqp.cannibalisation_summary.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.cannibalisation_summary.n_own_asins IS 'Own ASINs with at least one impression on the query.';
COMMENT ON COLUMN sqp.cannibalisation_summary.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.cannibalisation_summary.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.cannibalisation_summary.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.cannibalisation_summary.search_query_key IS 'Query text, NFKC, case-folded, white space collapsed and trimmed.';
COMMENT ON COLUMN sqp.cannibalisation_summary.top_asin IS 'Own ASIN with most impressions on the query.';
COMMENT ON COLUMN sqp.cannibalisation_summary.top_asin_impression_share IS 'Impressions of the top ASIN ÷ own impressions; a fraction.';
COMMENT ON FUNCTION sqp.class_of(pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Class of a query key: its entry in sqp.query_class, else branded where a term of the client stands in it as whole words, else generic.';
COMMENT ON FUNCTION sqp.classify_query(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Sets the class of a query (branded, generic or competitor) against what the brand terms say; NULL leaves it to them again.';
COMMENT ON FUNCTION sqp.compare_keywords(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text[],pg_catalog.date,pg_catalog.date) IS 'Up to 10 queries side by side, in the order given, each as in sqp.keyword_funnel. A query that was not reported has NULL figures, not 0.';
COMMENT ON FUNCTION sqp.compare_periods(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.text) IS 'A period against the one before (WoW, MoM, QoQ by report period) or a year before (YoY; of a week 364 days). The row common is over the queries of both periods: change = now ÷ before − 1, gap = share now − share before in percentage points, shares from sums. The rows new and lost sum the queries that only one of the two has, which have nothing to be compared with. No rows where the earlier period was not reported.';
COMMENT ON FUNCTION sqp.compared_start(pg_catalog.text,pg_catalog.date,pg_catalog.text) IS 'Start of the period to compare with: WoW 7 days, MoM one month, QoQ three months, YoY one year (a week: 364 days) before. NULL is the one of the report period.';
COMMENT ON FUNCTION sqp.ctr_gap(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.date,bigint,integer) IS 'Own click-through rate c/i against the market''s C/I: index (c/i)/(C/I), gap in percentage points, share gap c/C − i/I in percentage points, and lost clicks max(0, i·C/I − c), most first. Queries with at least min_impressions own impressions.';
COMMENT ON FUNCTION sqp.cvr_gap(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.date,bigint,integer) IS 'Own purchase rate p/c against the market''s P/C: index (p/c)/(P/C), gap in percentage points, the rest of the market''s rate (P − p)/(C − c), share gap p/P − c/C in percentage points, lost purchases max(0, c·P/C − p), most first. Queries with at least min_clicks own clicks.';
COMMENT ON FUNCTION sqp.freshness(timestamp with time zone) IS 'Data and job freshness at a moment. data_status: fresh, late (a report was expected and is not there), stale (past the alert). job_status: current, failing (the last task failed, was held or skipped), overdue (no success for two intervals), never. Periods missing before the last one are listed, but leave the status alone.';
COMMENT ON FUNCTION sqp.funnel_stage(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.date,bigint,bigint,integer) IS 'Where a query loses most on the way from impression to purchase, by the gaps c/C − i/I and p/P − c/C in percentage points: click, when the first is the lower one and below 0; purchase, when the second is; impression, when neither is below 0, so that only visibility is missing. The second gap needs min_clicks own clicks; without it and without a loss at the click the stage is NULL. Queries with at least min_impressions own impressions, most searched first.';
COMMENT ON FUNCTION sqp.keyword_funnel(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.date) IS 'One query from impression to purchase, own and market, over one or more periods. Shares i/I, c/C, k/K, p/P; rates c/i, k/c, p/c, p/k and the same of the market; an index is own rate ÷ market rate. The query is found by its key, in any spelling; no row where it was not reported.';
COMMENT ON FUNCTION sqp.keyword_market_share(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.date) IS 'The shares of each own ASIN in the market of one query: own sums of the ASIN ÷ market sums of the query over the periods given. They add up to the shares of sqp.keyword_funnel; the market figures are the same on every row.';
COMMENT ON FUNCTION sqp.keyword_sums(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date[],pg_catalog.text[]) IS 'As sqp.query_sums, for the queries of the given keys.';
COMMENT ON FUNCTION sqp.keyword_trend(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.date) IS 'One query period by period. A _change is now ÷ the period before − 1, a _gap_pp the share now − the share before in percentage points; both are NULL where the period before was not reported or, for a change, was 0. Periods without the query are left out, not filled.';
COMMENT ON FUNCTION sqp.late_reports() IS 'Reports that are missing past their alert, of a client, marketplace and report period that have none of a later period either.';
COMMENT ON FUNCTION sqp.lost_purchases(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.date,bigint,integer) IS 'Purchases that went elsewhere, by query. headroom = P − p; gap = max(0, c·P/C − p), at the market''s purchase rate; rest = max(0, c·(P − p)/(C − c) − p), at that of the rest of the market; visibility = max(0, P·i/I − p), at the own impression share. NULL where the denominator is 0. Queries with at least min_clicks own clicks, largest gap first.';
COMMENT ON FUNCTION sqp.map_asin(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Puts an ASIN of a marketplace under a brand; origin is manual or automatic, and manual beats automatic.';
COMMENT ON FUNCTION sqp.map_asins_by_title(pg_catalog.text) IS 'Makes the automatic entries of a client anew: an ASIN goes to the brand whose name or term, the longest, stands in its latest title as whole words. Returns how many entries changed.';
COMMENT ON FUNCTION sqp.missing_periods(timestamp with time zone) IS 'Periods, from the first published one of a client, marketplace and report period on, whose report was expected by then and is not there. Days are UTC.';
COMMENT ON MATERIALIZED VIEW sqp.monthly_summary IS 'Client × marketplace × month, from MONTH reports only: never a sum of shorter periods, which straddle its bounds.';
COMMENT ON COLUMN sqp.monthly_summary.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.monthly_summary.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.monthly_summary.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.monthly_summary.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.monthly_summary.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.monthly_summary.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.monthly_summary.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.monthly_summary.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.monthly_summary.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.monthly_summary.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.monthly_summary.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.monthly_summary.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.monthly_summary.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.monthly_summary.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.monthly_summary.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.monthly_summary.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.monthly_summary.n_own_asins IS 'Own ASINs with a row.';
COMMENT ON COLUMN sqp.monthly_summary.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.monthly_summary.n_totals_disagree IS 'Queries whose rows delivered different totals; the latest delivery was taken.';
COMMENT ON COLUMN sqp.monthly_summary.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.monthly_summary.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.monthly_summary.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.monthly_summary.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.monthly_summary.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.monthly_summary.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.monthly_summary.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.monthly_summary.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.monthly_summary.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON FUNCTION sqp.new_and_lost_queries(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.text,integer) IS 'Queries with an own row in the period and none in the one it is compared with (new), and the other way round (lost), each with the figures of the period that has it; most own impressions first. No rows where either period was not reported. Reports end at about 100 queries of an ASIN, so a lost query may only have sunk below that.';
COMMENT ON FUNCTION sqp.owe_stale_events(timestamp with time zone) IS 'Owes a data.stale event, once, for each report that is missing past its alert; returns how many. Alerts that fell due more than 35 days ago are left alone, so that an old history does not raise a storm.';
COMMENT ON VIEW sqp.parent_period_summary IS 'Parent ASIN × period: own counts of its children summed, the market of each query once. An ASIN without a parent stands for itself.';
COMMENT ON COLUMN sqp.parent_period_summary.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.parent_period_summary.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.parent_period_summary.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.parent_period_summary.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.parent_period_summary.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.parent_period_summary.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.parent_period_summary.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.parent_period_summary.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.parent_period_summary.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.parent_period_summary.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.parent_period_summary.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.parent_period_summary.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.parent_period_summary.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.parent_period_summary.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.parent_period_summary.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.parent_period_summary.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.parent_period_summary.n_own_asins IS 'Most children that stood on one query.';
COMMENT ON COLUMN sqp.parent_period_summary.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.parent_period_summary.parent_asin IS 'NULL where none was delivered.';
COMMENT ON COLUMN sqp.parent_period_summary.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.parent_period_summary.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.parent_period_summary.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.parent_period_summary.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.parent_period_summary.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.parent_period_summary.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.parent_period_summary.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.parent_period_summary.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.parent_period_summary.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.parent_period_summary.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON VIEW sqp.period_totals IS 'Client × marketplace × period, over all queries reported: what the summaries of weeks, months and quarters hold.';
COMMENT ON COLUMN sqp.period_totals.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.period_totals.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.period_totals.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.period_totals.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.period_totals.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.period_totals.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.period_totals.n_own_asins IS 'Own ASINs with a row.';
COMMENT ON COLUMN sqp.period_totals.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.period_totals.n_totals_disagree IS 'Queries whose rows delivered different totals; the latest delivery was taken.';
COMMENT ON COLUMN sqp.period_totals.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.period_totals.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.period_totals.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.period_totals.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.period_totals.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.period_totals.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.period_totals.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.period_totals.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON FUNCTION sqp.periods_between(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.date) IS 'Starts of the periods with a report, from the first to the last given, both included; NULL: no bound.';
COMMENT ON FUNCTION sqp.previous_start(pg_catalog.text,pg_catalog.date) IS 'Start of the period before: 7 days, one month or three months earlier.';
COMMENT ON FUNCTION sqp.price_position(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.text,integer) IS 'Own median price ÷ the market''s median price, same query, period, stage (click, cart_add, purchase) and currency: above 1 is dearer. Medians are compared row by row and never averaged; rows without both prices, or in two currencies, are left out. Most own events first.';
COMMENT ON FUNCTION sqp.publication_days() IS 'Days after the end of a period at which its report is expected (5), and at which its absence is an alert (10): expected_days and stale_days in the checks of search_query_performance in the registry.';
COMMENT ON VIEW sqp.published_reports IS 'The reports that are published: client × marketplace × report period × period, found by as many index look-ups as there are.';
COMMENT ON COLUMN sqp.published_reports.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.published_reports.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.published_reports.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.published_reports.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.published_reports.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON VIEW sqp.quality_warnings IS 'Rows of a report whose own count exceeds the total, or whose share is off own ÷ total by more than 0.0002.';
COMMENT ON COLUMN sqp.quality_warnings.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.quality_warnings.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.quality_warnings.n_own_exceeds_total IS 'Rows with an own count above the total.';
COMMENT ON COLUMN sqp.quality_warnings.n_share_differs IS 'Rows whose share is off own ÷ total by more than 0.0002.';
COMMENT ON COLUMN sqp.quality_warnings.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.quality_warnings.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON MATERIALIZED VIEW sqp.quarterly_summary IS 'Client × marketplace × quarter, from QUARTER reports only: never a sum of shorter periods, which straddle its bounds.';
COMMENT ON COLUMN sqp.quarterly_summary.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.quarterly_summary.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.quarterly_summary.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.quarterly_summary.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.quarterly_summary.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.quarterly_summary.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.quarterly_summary.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.quarterly_summary.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.quarterly_summary.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.quarterly_summary.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.quarterly_summary.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.quarterly_summary.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.quarterly_summary.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.quarterly_summary.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.quarterly_summary.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.quarterly_summary.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.quarterly_summary.n_own_asins IS 'Own ASINs with a row.';
COMMENT ON COLUMN sqp.quarterly_summary.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.quarterly_summary.n_totals_disagree IS 'Queries whose rows delivered different totals; the latest delivery was taken.';
COMMENT ON COLUMN sqp.quarterly_summary.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.quarterly_summary.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.quarterly_summary.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.quarterly_summary.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.quarterly_summary.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.quarterly_summary.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.quarterly_summary.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.quarterly_summary.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.quarterly_summary.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON TABLE sqp.query_class IS 'Branded, generic or competitor, by query key.';
COMMENT ON COLUMN sqp.query_class.class IS 'branded, generic or competitor.';
COMMENT ON COLUMN sqp.query_class.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.query_class.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.query_class.search_query_key IS 'Query text, NFKC, case-folded, white space collapsed and trimmed.';
COMMENT ON VIEW sqp.query_class_import IS 'COPY sqp.query_class_import FROM STDIN (FORMAT csv, HEADER match) takes client_id, marketplace_id, search_query, class.';
COMMENT ON COLUMN sqp.query_class_import.class IS 'branded, generic or competitor.';
COMMENT ON COLUMN sqp.query_class_import.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.query_class_import.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.query_class_import.search_query IS 'Query text as delivered; where spellings share the key, the latest delivered one.';
COMMENT ON MATERIALIZED VIEW sqp.query_class_summary IS 'Class of query (branded, generic, competitor) × period. Each query has one class, so own counts and market figures both add up over classes.';
COMMENT ON COLUMN sqp.query_class_summary.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.query_class_summary.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.query_class_summary.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.query_class_summary.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.query_class_summary.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.query_class_summary.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.query_class_summary.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.query_class_summary.class IS 'branded, generic or competitor.';
COMMENT ON COLUMN sqp.query_class_summary.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.query_class_summary.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.query_class_summary.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.query_class_summary.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.query_class_summary.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.query_class_summary.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.query_class_summary.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.query_class_summary.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.query_class_summary.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.query_class_summary.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.query_class_summary.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.query_class_summary.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.query_class_summary.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.query_class_summary.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.query_class_summary.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.query_class_summary.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.query_class_summary.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.query_class_summary.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.query_class_summary.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.query_class_summary.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON FUNCTION sqp.query_key(pg_catalog.text) IS 'The key under which a query text is stored: NFKC, case-folded, white space collapsed and trimmed.';
COMMENT ON FUNCTION sqp.query_sums(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date[]) IS 'Own and market sums of every query over the given periods; the market once for each query and period.';
COMMENT ON FUNCTION sqp.rank_changes(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.text,integer) IS 'Own ASINs whose rank on a query changed: change = previous search_query_score − score, so positive is better (1 is the best rank). Only ASIN × query rows of both periods.';
COMMENT ON FUNCTION sqp.ratios(bigint,bigint,bigint,bigint,bigint,bigint,bigint,bigint) IS 'Shares are own ÷ market of one stage; click_through_rate = clicks ÷ impressions, cart_add_rate = cart adds ÷ clicks, purchase_rate = purchases ÷ clicks, cart_to_purchase_rate = purchases ÷ cart adds; market_ the same for the whole market. Fractions; a zero denominator gives NULL.';
COMMENT ON FUNCTION sqp.register_summaries(integer,integer) IS 'Registers every summary of the warehouse with the tables that it waits for, which must be registered before; returns their names.';
COMMENT ON FUNCTION sqp.remove_brand(pg_catalog.text,pg_catalog.text) IS 'Removes a brand with its terms and its ASIN entries; those ASINs are unmapped unless another entry has them.';
COMMENT ON FUNCTION sqp.remove_brand_term(pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Removes a term; returns whether there was one.';
COMMENT ON FUNCTION sqp.rename_brand(pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Gives a brand another name; its ASINs and terms stay with it.';
COMMENT ON TABLE sqp.report_coverage IS 'What is known of an own ASIN in a period, from its first measured one to the last report of its series: a missing row is not a zero.';
COMMENT ON COLUMN sqp.report_coverage.asin IS 'Own (child) ASIN.';
COMMENT ON COLUMN sqp.report_coverage.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.report_coverage.coverage IS 'measured: it has rows; empty_report: the report came, without a row for it; not_covered: no report of the period came.';
COMMENT ON COLUMN sqp.report_coverage.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.report_coverage.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.report_coverage.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON MATERIALIZED VIEW sqp.search_performance_summary IS 'Brand × query × period. Brand is unmapped where sqp.asin_brand_map does not know the ASIN. Counts are events, shares and rates fractions recomputed from sums. Market figures repeat on each brand of a query: never sum them over brands.';
COMMENT ON COLUMN sqp.search_performance_summary.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.search_performance_summary.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.search_performance_summary.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.search_performance_summary.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.search_performance_summary.brand IS 'Brand of the own ASINs; unmapped where none is known.';
COMMENT ON COLUMN sqp.search_performance_summary.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.search_performance_summary.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.search_performance_summary.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.search_performance_summary.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.search_performance_summary.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.search_performance_summary.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.search_performance_summary.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.search_performance_summary.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.search_performance_summary.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.search_performance_summary.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.search_performance_summary.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.search_performance_summary.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.search_performance_summary.n_own_asins IS 'Own ASINs with a row.';
COMMENT ON COLUMN sqp.search_performance_summary.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.search_performance_summary.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.search_performance_summary.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.search_performance_summary.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.search_performance_summary.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON COLUMN sqp.search_performance_summary.search_query IS 'Query text as delivered; where spellings share the key, the latest delivered one.';
COMMENT ON COLUMN sqp.search_performance_summary.search_query_key IS 'Query text, NFKC, case-folded, white space collapsed and trimmed.';
COMMENT ON COLUMN sqp.search_performance_summary.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.search_performance_summary.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.search_performance_summary.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.search_performance_summary.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.search_performance_summary.total_query_impression_count IS 'Impressions, all ASINs of the market.';
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
COMMENT ON FUNCTION sqp.share_movers(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.date,pg_catalog.text,pg_catalog.text,bigint,integer) IS 'Queries whose share moved most between two periods: gap = share now − share before, in percentage points, of one stage (impression, click, cart_add, purchase). Only queries of both periods whose market has at least min_total events of the stage in each.';
COMMENT ON TABLE sqp.stale_alert IS 'Reports whose absence was told by a data.stale event: once each.';
COMMENT ON COLUMN sqp.stale_alert.alerted_at IS 'When the data.stale event was owed.';
COMMENT ON COLUMN sqp.stale_alert.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.stale_alert.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.stale_alert.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.stale_alert.report_period IS 'WEEK (Sunday to Saturday), MONTH or QUARTER; never mixed in one sum.';
COMMENT ON AGGREGATE sqp.total(bigint) IS 'Sum of counts as bigint; NULLs are left out, and of nothing but NULLs it is NULL.';
COMMENT ON FUNCTION sqp.unmap_asin(pg_catalog.text,pg_catalog.text,pg_catalog.text,pg_catalog.text) IS 'Removes an entry; returns whether there was one. An automatic entry then counts again.';
COMMENT ON MATERIALIZED VIEW sqp.weekly_summary IS 'Client × marketplace × week (Sunday to Saturday), from WEEK reports only, over all queries reported. Counts are events, shares and rates fractions recomputed from sums.';
COMMENT ON COLUMN sqp.weekly_summary.asin_cart_add_count IS 'Cart adds, own ASIN.';
COMMENT ON COLUMN sqp.weekly_summary.asin_click_count IS 'Clicks, own ASIN.';
COMMENT ON COLUMN sqp.weekly_summary.asin_impression_count IS 'Impressions of the own ASIN.';
COMMENT ON COLUMN sqp.weekly_summary.asin_purchase_count IS 'Purchases, own ASIN.';
COMMENT ON COLUMN sqp.weekly_summary.cart_add_rate IS 'Own cart adds ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.weekly_summary.cart_add_share IS 'Own cart adds ÷ market cart adds; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.weekly_summary.cart_to_purchase_rate IS 'Own purchases ÷ own cart adds; a fraction.';
COMMENT ON COLUMN sqp.weekly_summary.click_share IS 'Own clicks ÷ market clicks; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.weekly_summary.click_through_rate IS 'Own clicks ÷ own impressions; a fraction.';
COMMENT ON COLUMN sqp.weekly_summary.client_id IS 'Whose report it is; the same ASIN may stand under several clients.';
COMMENT ON COLUMN sqp.weekly_summary.impression_share IS 'Own impressions ÷ market impressions; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.weekly_summary.market_cart_add_rate IS 'Market cart adds ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.weekly_summary.market_cart_to_purchase_rate IS 'Market purchases ÷ market cart adds; a fraction.';
COMMENT ON COLUMN sqp.weekly_summary.market_click_through_rate IS 'Market clicks ÷ market impressions; a fraction.';
COMMENT ON COLUMN sqp.weekly_summary.market_purchase_rate IS 'Market purchases ÷ market clicks; a fraction.';
COMMENT ON COLUMN sqp.weekly_summary.marketplace_id IS 'As delivered; currencies differ by marketplace.';
COMMENT ON COLUMN sqp.weekly_summary.n_own_asins IS 'Own ASINs with a row.';
COMMENT ON COLUMN sqp.weekly_summary.n_queries IS 'Distinct query keys.';
COMMENT ON COLUMN sqp.weekly_summary.n_totals_disagree IS 'Queries whose rows delivered different totals; the latest delivery was taken.';
COMMENT ON COLUMN sqp.weekly_summary.period_end IS 'Last day of the period.';
COMMENT ON COLUMN sqp.weekly_summary.period_start IS 'First day of the period.';
COMMENT ON COLUMN sqp.weekly_summary.purchase_rate IS 'Own purchases ÷ own clicks; a fraction.';
COMMENT ON COLUMN sqp.weekly_summary.purchase_share IS 'Own purchases ÷ market purchases; a fraction, NULL where the market had none.';
COMMENT ON COLUMN sqp.weekly_summary.search_query_volume IS 'How often the query was searched, by everybody.';
COMMENT ON COLUMN sqp.weekly_summary.total_cart_add_count IS 'Cart adds, whole market.';
COMMENT ON COLUMN sqp.weekly_summary.total_click_count IS 'Clicks, whole market.';
COMMENT ON COLUMN sqp.weekly_summary.total_purchase_count IS 'Purchases, whole market.';
COMMENT ON COLUMN sqp.weekly_summary.total_query_impression_count IS 'Impressions, all ASINs of the market.';
COMMENT ON FUNCTION sqp.year_before(pg_catalog.text,pg_catalog.date) IS 'Start of the period a year before; of a week 364 days, so that it stays on Sunday.';
