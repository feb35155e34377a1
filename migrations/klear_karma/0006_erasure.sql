-- Nothing else refers to accounts that are gone.
UPDATE appointments SET idempotency_key = NULL, request_hash = NULL WHERE customer_id IS NULL;
UPDATE reports SET target_id = 'deleted ' || id
  WHERE target_kind IN ('practitioner', 'user') AND target_id NOT IN (SELECT id FROM users);
