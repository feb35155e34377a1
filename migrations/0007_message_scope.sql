-- Who may read a message: its actor, in a scope that covers the one in which it was written. subjects is a JSON list of
-- VINs, null for all, least_role is 1 reader, 2 operator, 3 admin. Rows of unknown actors are the administrators'.

ALTER TABLE agent_messages ADD COLUMN subjects TEXT;
ALTER TABLE agent_messages ADD COLUMN least_role INTEGER NOT NULL DEFAULT 3;

UPDATE agent_messages SET
  subjects = (SELECT subjects FROM api_keys WHERE api_keys.id = agent_messages.actor),
  least_role = (SELECT role FROM api_keys WHERE api_keys.id = agent_messages.actor)
WHERE actor IN (SELECT id FROM api_keys);

CREATE INDEX agent_messages_actor ON agent_messages (actor, role, created_at);
