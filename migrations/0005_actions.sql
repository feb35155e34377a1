-- What carries an action through its queue: when it was sent, who runs it and until when, what was asked of it since.

ALTER TABLE agent_actions ADD COLUMN sent_at TEXT;
ALTER TABLE agent_actions ADD COLUMN lease_ends_at TEXT;
ALTER TABLE agent_actions ADD COLUMN claimed_by TEXT;
ALTER TABLE agent_actions ADD COLUMN request_hash TEXT;
ALTER TABLE agent_actions ADD COLUMN is_called_off INTEGER NOT NULL DEFAULT 0;
ALTER TABLE agent_actions ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;

CREATE INDEX agent_actions_created ON agent_actions (created_at);
CREATE INDEX agent_actions_kind ON agent_actions (kind, created_at);
CREATE INDEX agent_actions_unsent ON agent_actions (created_at) WHERE status = 'queued' AND sent_at IS NULL;
