-- Single-use tickets of live events, for clients that can set no header on a WebSocket or an event stream. The id is a
-- ticket's hash, ends_at the end of the credential behind it in Unix seconds, null for none.
CREATE TABLE tickets (
  id TEXT PRIMARY KEY,
  actor TEXT NOT NULL,
  role INTEGER NOT NULL,
  subjects TEXT,
  daily_calls INTEGER,
  ends_at REAL,
  fingerprint TEXT,
  expires_at TEXT NOT NULL,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX tickets_expires ON tickets (expires_at);
