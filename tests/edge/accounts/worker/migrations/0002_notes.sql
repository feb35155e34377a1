-- Rows of members' own, and rows that two of them share.
CREATE TABLE notes (
  id INTEGER PRIMARY KEY,
  owner_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  text TEXT NOT NULL
);

CREATE INDEX notes_by_owner ON notes (owner_id);

CREATE TABLE reviews (
  id INTEGER PRIMARY KEY,
  author_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  author_name TEXT,
  text TEXT NOT NULL
);

CREATE INDEX reviews_by_author ON reviews (author_id);

ALTER TABLE users ADD COLUMN kind TEXT NOT NULL DEFAULT 'customer';

-- Tickets, for live events.
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
