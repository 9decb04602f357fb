-- The parts of a backfill, in order.
WITH planned AS (
    UPDATE refresh.refresh_backfill SET planned_at = clock_timestamp() WHERE backfill_id = :backfill_id
    RETURNING backfill_id
)
INSERT INTO refresh.refresh_backfill_batch (backfill_id, batch_no, scope_from, scope_to, scopes, rows)
SELECT planned.backfill_id, given.position, CAST(given.batch ->> 'scope_from' AS date), CAST(given.batch ->> 'scope_to' AS date),
    CAST(given.batch ->> 'scopes' AS integer), CAST(given.batch ->> 'rows' AS bigint)
FROM planned, jsonb_array_elements(CAST(:batches AS jsonb)) WITH ORDINALITY AS given (batch, position)
