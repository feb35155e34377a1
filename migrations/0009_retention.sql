-- What removing old rows needs, and what keeps an answer of Tessie's from being stored twice.

-- `digest` is a hash of the answer without its clock readings. The last stored row of a question counts how often
-- the same answer came (`seen`) and when it came last. Rows from before this migration have none of it.
ALTER TABLE tessie_raw ADD COLUMN digest TEXT;
ALTER TABLE tessie_raw ADD COLUMN seen INTEGER NOT NULL DEFAULT 1;
ALTER TABLE tessie_raw ADD COLUMN last_seen_at TEXT;
ALTER TABLE tessie_raw ADD COLUMN stored_bytes INTEGER;

-- Partial, so that building them reads no body that is stored already.
CREATE INDEX tessie_raw_asked ON tessie_raw (path, query, method) WHERE digest IS NOT NULL;
CREATE INDEX tessie_raw_stored ON tessie_raw (created_at, stored_bytes) WHERE stored_bytes IS NOT NULL;

CREATE INDEX agent_actions_ended ON agent_actions (ended_at);
CREATE INDEX sync_runs_ended ON sync_runs (ended_at);
CREATE INDEX api_keys_ended ON api_keys (coalesce(revoked_at, expires_at));

-- A key's row stays while one of these names it.
CREATE INDEX logs_by_actor ON logs (actor, created_at);
CREATE INDEX agent_actions_by_actor ON agent_actions (actor);
CREATE INDEX sync_runs_by_actor ON sync_runs (actor);
CREATE INDEX energy_reports_by_actor ON energy_reports (actor);
