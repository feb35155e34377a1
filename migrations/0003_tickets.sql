-- Single-use tickets for clients that can set no header on a WebSocket or an event stream. The id is a ticket's hash.

CREATE TABLE tickets (
  id TEXT PRIMARY KEY,
  actor TEXT NOT NULL,
  role INTEGER NOT NULL,
  expires_at TEXT NOT NULL,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX tickets_expires ON tickets (expires_at);
