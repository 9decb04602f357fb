-- What the rows of the endpoint do not show by themselves; its changes are audited by the database.
INSERT INTO refresh.refresh_audit_log (event, details)
VALUES (:event, refresh.actor() || CAST(:details AS jsonb)
    || jsonb_build_object('endpoint_id', CAST(:endpoint_id AS uuid)))
