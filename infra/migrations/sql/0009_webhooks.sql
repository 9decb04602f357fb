-- Webhooks: who is told what, and every delivery's way. All times are the database's.

ALTER TABLE refresh.webhook_endpoint
    ADD COLUMN sealed_url bytea,
    ADD COLUMN description text NOT NULL DEFAULT '',
    ADD COLUMN tables text[] NOT NULL DEFAULT '{}' CHECK (array_position(tables, NULL) IS NULL),
    ADD COLUMN paused_until timestamptz,
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ADD CONSTRAINT events_are_named CHECK (array_position(events, NULL) IS NULL),
    ADD CONSTRAINT overlap_has_an_end CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL)),
    ADD CONSTRAINT disabled_has_a_reason CHECK ((state = 'disabled') = (disabled_reason IS NOT NULL));
COMMENT ON TABLE refresh.webhook_endpoint IS 'A receiver of events, and which of them it gets.';
COMMENT ON COLUMN refresh.webhook_endpoint.url IS 'Where events are posted; where sealed_url is set, only what may be shown of it.';
COMMENT ON COLUMN refresh.webhook_endpoint.sealed_url IS 'The URL, encrypted: Slack''s is a password.';
COMMENT ON COLUMN refresh.webhook_endpoint.events IS 'Event types; empty: all.';
COMMENT ON COLUMN refresh.webhook_endpoint.tables IS 'Patterns of schema.name, * for any characters; empty: all.';
COMMENT ON COLUMN refresh.webhook_endpoint.failing_since IS 'First failed attempt after the last one that succeeded.';
COMMENT ON COLUMN refresh.webhook_endpoint.paused_until IS 'Until when the receiver asked to be left alone (Retry-After).';

ALTER TABLE refresh.webhook_delivery
    ADD COLUMN epoch bigint NOT NULL DEFAULT 0,
    ADD COLUMN lease_until timestamptz,
    ADD COLUMN response_excerpt text,
    ADD COLUMN duration_ms bigint,
    ADD COLUMN last_attempt_at timestamptz,
    ADD CONSTRAINT only_pending_is_due CHECK (state = 'pending' OR (next_attempt_at IS NULL AND lease_until IS NULL));
COMMENT ON TABLE refresh.webhook_delivery IS 'One event on its way to one endpoint; event_id is the webhook-id of every attempt.';

DROP INDEX refresh.webhook_delivery_due;
CREATE INDEX webhook_delivery_pending ON refresh.webhook_delivery (endpoint_id, next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_delivery_listed ON refresh.webhook_delivery (endpoint_id, created_at DESC, delivery_id DESC);
CREATE INDEX webhook_delivery_ended ON refresh.webhook_delivery (created_at) WHERE state <> 'pending';

CREATE FUNCTION refresh.is_wanted(wanted_events text[], wanted_tables text[], event_type text, event_table text)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (cardinality(wanted_events) = 0 OR event_type = ANY (wanted_events))
    AND (cardinality(wanted_tables) = 0 OR EXISTS (
        SELECT FROM unnest(wanted_tables) AS pattern
        WHERE event_table LIKE replace(replace(replace(replace(pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%')));
COMMENT ON FUNCTION refresh.is_wanted IS 'Whether an endpoint with these filters gets the event.';

CREATE FUNCTION refresh.audit_webhook() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
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
CREATE FUNCTION refresh.shown_webhook(entry refresh.webhook_endpoint) RETURNS jsonb LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp AS $$
SELECT jsonb_build_object('url', entry.url, 'kind', entry.kind, 'description', entry.description,
    'events', entry.events, 'tables', entry.tables)
$$;
COMMENT ON FUNCTION refresh.shown_webhook IS 'The configuration of an endpoint, without its secrets.';
CREATE TRIGGER audit_webhook AFTER INSERT OR UPDATE OR DELETE ON refresh.webhook_endpoint
FOR EACH ROW EXECUTE FUNCTION refresh.audit_webhook();

CREATE FUNCTION refresh.disable_webhook(endpoint uuid, why text) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION refresh.disable_webhook IS 'Disables an endpoint and ends what waits for it; false when it was disabled or is gone.';

CREATE FUNCTION refresh.cleanup_webhooks(
    delivery_days integer DEFAULT 30, batch_rows integer DEFAULT 100000, as_of timestamptz DEFAULT now()
) RETURNS jsonb LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION refresh.cleanup_webhooks IS 'Removes deliveries that ended long ago and secrets whose overlap is over; returns counts.';
REVOKE EXECUTE ON FUNCTION refresh.cleanup_webhooks FROM PUBLIC;
