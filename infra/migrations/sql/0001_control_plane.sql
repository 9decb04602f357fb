-- The control plane: what is refreshed, what was asked for, how far the work is, what happened.
-- State and data share one database, so that a checkpoint commits with the rows that it vouches for.

CREATE SCHEMA refresh;
COMMENT ON SCHEMA refresh IS 'Control plane of the BigQuery refresh: registry, runs, tasks, checkpoints, audit, outbox.';
CREATE SCHEMA refresh_staging;
COMMENT ON SCHEMA refresh_staging IS 'UNLOGGED staging tables, one a task; dropped when the task publishes or expires.';

CREATE TABLE refresh.refresh_table_registry (
    table_schema text NOT NULL CHECK (table_schema <> '' AND position('.' IN table_schema) = 0),
    table_name text NOT NULL CHECK (table_name <> '' AND position('.' IN table_name) = 0),
    handler text NOT NULL CHECK (handler IN ('asin', 'search_queries', 'summaries', 'generic')),
    source text,
    column_map jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(column_map) = 'object'),
    key_columns text[] NOT NULL DEFAULT '{}' CHECK (array_position(key_columns, NULL) IS NULL),
    scope_column text,
    scope_bucket text CHECK (scope_bucket ~ '^(day|week|month|hash:[1-9][0-9]{0,3})$'),
    strategy text NOT NULL DEFAULT 'merge' CHECK (strategy IN ('merge', 'append', 'replace')),
    mode text NOT NULL DEFAULT 'live' CHECK (mode IN ('live', 'shadow', 'dry_run', 'disabled')),
    priority integer NOT NULL DEFAULT 100 CHECK (priority BETWEEN 0 AND 1000),
    frequency_hours integer NOT NULL DEFAULT 24 CHECK (frequency_hours BETWEEN 1 AND 168),
    lookback integer CHECK (lookback > 0),
    slice_target_rows integer NOT NULL DEFAULT 250000 CHECK (slice_target_rows BETWEEN 1 AND 100000000),
    parallelism integer NOT NULL DEFAULT 1 CHECK (parallelism BETWEEN 1 AND 32),
    max_bytes_billed bigint CHECK (max_bytes_billed > 0),
    checks jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(checks) = 'object'),
    nul_policies jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(nul_policies) = 'object'),
    loaded_at_column text,
    last_refreshed_at timestamptz,
    next_refresh_at timestamptz,
    last_data_period text,
    config_version bigint NOT NULL DEFAULT 1,
    data_version bigint NOT NULL DEFAULT 0,
    scanned_snapshot_at timestamptz,
    scanned_from text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (table_schema, table_name),
    CHECK (source IS NOT NULL OR handler = 'summaries'),
    CHECK (strategy <> 'append' OR cardinality(key_columns) > 0 OR handler IN ('asin', 'search_queries')),
    CHECK (scope_bucket IS NULL OR scope_column IS NOT NULL),
    CHECK (lookback IS NULL OR scope_column IS NOT NULL OR handler IN ('asin', 'search_queries'))
);
COMMENT ON TABLE refresh.refresh_table_registry IS 'A table or materialized view that is refreshed, and how.';
COMMENT ON COLUMN refresh.refresh_table_registry.source IS 'BigQuery table or view, project.dataset.table.';
COMMENT ON COLUMN refresh.refresh_table_registry.column_map IS 'JSON object, source column to target column; null leaves a column out.';
COMMENT ON COLUMN refresh.refresh_table_registry.scope_column IS 'Target column whose values are planned, compared and published apart.';
COMMENT ON COLUMN refresh.refresh_table_registry.scope_bucket IS 'day, week (from Sunday), month or hash:N: scope values of many distinct ones.';
COMMENT ON COLUMN refresh.refresh_table_registry.lookback IS 'Days before the snapshot to scan; NULL scans everything.';
COMMENT ON COLUMN refresh.refresh_table_registry.nul_policies IS 'JSON object, target column to strip, reject or quarantine; strip where absent.';
COMMENT ON COLUMN refresh.refresh_table_registry.loaded_at_column IS 'Target column that takes the time of the publish for rows that it wrote.';
COMMENT ON COLUMN refresh.refresh_table_registry.data_version IS 'Raised by every publish that wrote rows; summaries compare it.';
COMMENT ON COLUMN refresh.refresh_table_registry.scanned_snapshot_at IS 'Newest snapshot at which a published run scanned every scope from scanned_from on.';

CREATE TABLE refresh.refresh_dependency (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    depends_on_schema text NOT NULL,
    depends_on_name text NOT NULL,
    kind text NOT NULL DEFAULT 'hard' CHECK (kind IN ('hard', 'soft')),
    PRIMARY KEY (table_schema, table_name, depends_on_schema, depends_on_name),
    FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry ON DELETE CASCADE,
    FOREIGN KEY (depends_on_schema, depends_on_name) REFERENCES refresh.refresh_table_registry ON DELETE CASCADE,
    CHECK ((table_schema, table_name) <> (depends_on_schema, depends_on_name))
);
CREATE INDEX refresh_dependency_input ON refresh.refresh_dependency (depends_on_schema, depends_on_name);
COMMENT ON TABLE refresh.refresh_dependency IS 'A table waits for another: hard needs its success, soft only its end.';

CREATE TABLE refresh.refresh_run (
    run_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    trigger text NOT NULL CHECK (trigger IN ('schedule', 'manual', 'replay')),
    requested_by text NOT NULL,
    request jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(request) = 'object'),
    idempotency_key text NOT NULL UNIQUE,
    request_hash text,
    replay_of uuid REFERENCES refresh.refresh_run,
    scheduled_for timestamptz,
    snapshot_at timestamptz,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'success', 'warning', 'failed')),
    created_at timestamptz NOT NULL DEFAULT now(),
    planned_at timestamptz,
    finished_at timestamptz,
    CHECK ((planned_at IS NULL) = (snapshot_at IS NULL)),
    CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE INDEX refresh_run_open ON refresh.refresh_run (created_at) WHERE status = 'running';
CREATE INDEX refresh_run_created ON refresh.refresh_run (created_at DESC);
COMMENT ON COLUMN refresh.refresh_run.request IS 'What was asked: tables (schema.name), force, mode.';
COMMENT ON COLUMN refresh.refresh_run.snapshot_at IS 'The moment, by the clock of BigQuery, at which every query of the run reads.';

CREATE TABLE refresh.refresh_task (
    run_id uuid NOT NULL REFERENCES refresh.refresh_run,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    handler text NOT NULL,
    priority integer NOT NULL,
    status text NOT NULL DEFAULT 'queued' CHECK (status IN
        ('queued', 'running', 'success', 'no_new_data', 'warning', 'held', 'failed', 'skipped')),
    phase text NOT NULL DEFAULT 'planning' CHECK (phase IN ('planning', 'loading', 'staged', 'publishing')),
    epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    commit_marker uuid,
    not_before timestamptz NOT NULL DEFAULT now(),
    owed_at timestamptz,
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
    details jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (run_id, table_schema, table_name),
    FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry,
    CHECK (slices_open BETWEEN 0 AND slices_total),
    CHECK (lease_until IS NULL OR status = 'running'),
    CHECK ((status IN ('queued', 'running')) = (finished_at IS NULL)),
    CHECK (status NOT IN ('held', 'failed', 'skipped') OR reason IS NOT NULL),
    CONSTRAINT rows_are_conserved CHECK (
        status NOT IN ('success', 'warning')
        OR (rows_read = rows_staged + rows_quarantined + rows_superseded + rows_merged
            AND rows_staged = rows_inserted + rows_updated + rows_unchanged))
);
CREATE INDEX refresh_task_open ON refresh.refresh_task (run_id) WHERE status IN ('queued', 'running');
CREATE INDEX refresh_task_history ON refresh.refresh_task (table_schema, table_name, finished_at DESC);
COMMENT ON COLUMN refresh.refresh_task.owed_at IS 'When a message for the task was last put into the outbox.';
COMMENT ON COLUMN refresh.refresh_task.commit_marker IS 'Written by each fenced transaction: tells whether a COMMIT without reply took place.';
COMMENT ON COLUMN refresh.refresh_task.attempt IS 'Claims since the task last made progress.';

CREATE TABLE refresh.refresh_task_scope (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    scope text,
    action text NOT NULL CHECK (action IN ('changed', 'unchanged', 'vanished', 'held', 'superseded')),
    fingerprint text,
    published_fingerprint text,
    rows bigint NOT NULL DEFAULT 0,
    rows_read bigint NOT NULL DEFAULT 0,
    slice_no integer,
    figures jsonb NOT NULL DEFAULT '{}',
    UNIQUE NULLS NOT DISTINCT (run_id, table_schema, table_name, scope),
    FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task ON DELETE CASCADE
);
COMMENT ON TABLE refresh.refresh_task_scope IS 'What the plan found for one scope value, and does about it.';

CREATE TABLE refresh.refresh_checkpoint (
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    slice_no integer NOT NULL,
    scope_values text[] NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'done')),
    epoch bigint NOT NULL DEFAULT 0,
    lease_until timestamptz,
    commit_marker uuid,
    not_before timestamptz NOT NULL DEFAULT now(),
    attempt integer NOT NULL DEFAULT 0,
    generation integer NOT NULL DEFAULT 1,
    job_id text,
    job_project text,
    job_location text,
    read_session text,
    stream_offsets jsonb NOT NULL DEFAULT '{}',
    rows_expected bigint NOT NULL,
    source_rows_expected bigint NOT NULL,
    rows_received bigint NOT NULL DEFAULT 0,
    rows_read bigint NOT NULL DEFAULT 0,
    rows_staged bigint NOT NULL DEFAULT 0,
    rows_quarantined bigint NOT NULL DEFAULT 0,
    rows_superseded bigint NOT NULL DEFAULT 0,
    rows_merged bigint NOT NULL DEFAULT 0,
    values_stripped jsonb NOT NULL DEFAULT '{}',
    bytes_billed bigint NOT NULL DEFAULT 0,
    figures_expected jsonb NOT NULL DEFAULT '{}',
    figures_found jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (run_id, table_schema, table_name, slice_no),
    FOREIGN KEY (run_id, table_schema, table_name) REFERENCES refresh.refresh_task ON DELETE CASCADE,
    CHECK (lease_until IS NULL OR status = 'running'),
    CONSTRAINT received_rows_are_conserved CHECK (rows_received = rows_staged + rows_quarantined),
    CONSTRAINT read_rows_are_conserved CHECK (rows_read = rows_staged + rows_quarantined + rows_superseded + rows_merged),
    CONSTRAINT done_is_complete CHECK (status <> 'done' OR (rows_received = rows_expected AND rows_read = source_rows_expected))
);
COMMENT ON TABLE refresh.refresh_checkpoint IS 'A slice of a task: which scopes, which BigQuery job, how far it was read and staged.';
COMMENT ON COLUMN refresh.refresh_checkpoint.rows_received IS 'Rows of the slice''s result; rows_read counts the source rows behind them.';
COMMENT ON COLUMN refresh.refresh_checkpoint.stream_offsets IS 'Committed offset of each stream of read_session; an offset belongs to its session alone.';

CREATE TABLE refresh.refresh_partition_state (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    scope text,
    fingerprint text,
    definition_hash text NOT NULL,
    snapshot_at timestamptz NOT NULL,
    rows bigint NOT NULL,
    rows_quarantined bigint NOT NULL DEFAULT 0,
    run_id uuid NOT NULL REFERENCES refresh.refresh_run,
    refused_fingerprint text,
    published_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (table_schema, table_name, scope),
    FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry ON DELETE CASCADE
);
COMMENT ON TABLE refresh.refresh_partition_state IS 'A scope value of a target table as last published; fingerprint NULL: the scope had vanished.';

CREATE TABLE refresh.refresh_audit_log (
    audit_id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
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
    details jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (audit_id, at)
) PARTITION BY RANGE (at);
CREATE TABLE refresh.refresh_audit_log_rest PARTITION OF refresh.refresh_audit_log DEFAULT;
CREATE INDEX refresh_audit_log_table ON refresh.refresh_audit_log (table_schema, table_name, at DESC);
CREATE INDEX refresh_audit_log_run ON refresh.refresh_audit_log (run_id);
COMMENT ON TABLE refresh.refresh_audit_log IS 'Something that happened. Insert-only; folding the task events gives refresh_task.';

CREATE TABLE refresh.refresh_data_quality (
    check_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    scope text,
    metric text NOT NULL,
    value numeric,
    threshold numeric,
    outcome text NOT NULL DEFAULT 'warn' CHECK (outcome IN ('warn', 'hold')),
    passed boolean NOT NULL,
    details jsonb NOT NULL DEFAULT '{}',
    checked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refresh_data_quality_table ON refresh.refresh_data_quality (table_schema, table_name, checked_at DESC);
CREATE INDEX refresh_data_quality_run ON refresh.refresh_data_quality (run_id);

CREATE TABLE refresh.refresh_quarantine (
    quarantine_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id uuid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    slice_no integer NOT NULL,
    reason text NOT NULL,
    column_name text NOT NULL,
    source_row json NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refresh_quarantine_task ON refresh.refresh_quarantine (run_id, table_schema, table_name, slice_no);
COMMENT ON TABLE refresh.refresh_quarantine IS 'A source row that the target cannot hold, with the reason.';

CREATE TABLE refresh.refresh_outbox (
    outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    payload jsonb NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
CREATE INDEX refresh_outbox_owed ON refresh.refresh_outbox (outbox_id) WHERE published_at IS NULL;
CREATE INDEX refresh_outbox_published ON refresh.refresh_outbox (published_at) WHERE published_at IS NOT NULL;
COMMENT ON TABLE refresh.refresh_outbox IS 'A message that is owed, written in the transaction that makes it true.';

CREATE TABLE refresh.refresh_dead_letter (
    dead_letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id text NOT NULL UNIQUE,
    topic text NOT NULL,
    reason text NOT NULL,
    payload text NOT NULL,
    attributes jsonb NOT NULL DEFAULT '{}',
    run_id uuid,
    table_schema text,
    table_name text,
    received_at timestamptz NOT NULL DEFAULT now(),
    replayed_at timestamptz
);
COMMENT ON TABLE refresh.refresh_dead_letter IS 'A message that nobody could handle, with the reason; the payload can be replayed.';

CREATE TABLE refresh.materialized_view_refresh_status (
    table_schema text NOT NULL,
    table_name text NOT NULL,
    last_refreshed_at timestamptz,
    duration_ms bigint,
    rows bigint,
    is_concurrent boolean,
    input_versions jsonb NOT NULL DEFAULT '{}',
    run_id uuid,
    last_error text,
    PRIMARY KEY (table_schema, table_name),
    FOREIGN KEY (table_schema, table_name) REFERENCES refresh.refresh_table_registry ON DELETE CASCADE
);

CREATE TABLE refresh.webhook_endpoint (
    endpoint_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    url text NOT NULL,
    kind text NOT NULL DEFAULT 'standard' CHECK (kind IN ('standard', 'slack')),
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_secret_until timestamptz,
    events text[] NOT NULL DEFAULT '{}',
    state text NOT NULL DEFAULT 'enabled' CHECK (state IN ('enabled', 'disabled')),
    disabled_reason text,
    failing_since timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN refresh.webhook_endpoint.secret IS 'Signing secret, encrypted.';
CREATE TABLE refresh.webhook_delivery (
    delivery_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    endpoint_id uuid NOT NULL REFERENCES refresh.webhook_endpoint ON DELETE CASCADE,
    event_id uuid NOT NULL,
    payload jsonb NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    response_status integer,
    error text,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    next_attempt_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (endpoint_id, event_id)
);
CREATE INDEX webhook_delivery_due ON refresh.webhook_delivery (next_attempt_at) WHERE state = 'pending';
