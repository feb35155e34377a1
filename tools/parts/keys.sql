-- API keys, of which a hash is kept. role is 1 reader, 2 operator, 3 admin. subjects is a JSON list of what a key is
-- bound to, null for all, and daily_calls a quota, null for none.
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 3),
  prefix TEXT NOT NULL,
  hash TEXT NOT NULL,
  subjects TEXT,
  daily_calls INTEGER,
  actor TEXT,
  expires_at TEXT,
  revoked_at TEXT,
  last_used_at TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX api_keys_created ON api_keys (created_at);
