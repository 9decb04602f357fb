-- An attempt to deliver goes on with the trace of the event that caused it, however late it is made.

ALTER TABLE refresh.webhook_delivery
ADD COLUMN traceparent text DEFAULT NULLIF(pg_catalog.current_setting('refresh.traceparent', true), '');
COMMENT ON COLUMN refresh.webhook_delivery.traceparent IS
    'W3C Trace Context of the span in which the delivery was owed; NULL: none was open.';

-- A rotation seals a Slack endpoint's address anew: that changes nothing that anybody would be told of.
CREATE OR REPLACE FUNCTION refresh.audit_webhook() RETURNS trigger LANGUAGE plpgsql
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
        CASE WHEN TG_OP = 'UPDATE' AND ((NEW.sealed_url IS DISTINCT FROM OLD.sealed_url AND NEW.secret = OLD.secret)
            OR refresh.shown_webhook(NEW) <> refresh.shown_webhook(OLD)) THEN 'webhook_changed' END
    ]) AS what
    WHERE what IS NOT NULL;
    RETURN NULL;
END $$;
