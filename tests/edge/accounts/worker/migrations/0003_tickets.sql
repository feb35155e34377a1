-- Single-use tickets of live events, for clients that can set no header on a WebSocket or an event stream. The id is a
-- ticket's hash, ends_at the end of the credential behind it in Unix seconds, null for none. What a ticket has opened is
-- its target, as a hash, null before its first use, and resumes_until the instant until which that can be resumed.
CREATE TABLE tickets (
  id TEXT PRIMARY KEY,
  actor TEXT NOT NULL,
  role INTEGER NOT NULL,
  subjects TEXT,
  daily_calls INTEGER,
  ends_at REAL,
  fingerprint TEXT,
  expires_at TEXT NOT NULL,
  target TEXT,
  resumes_until TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX tickets_expires ON tickets (expires_at);
