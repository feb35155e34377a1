CREATE INDEX audit_created ON audit (created_at);

CREATE INDEX audit_kind ON audit (kind, id);

CREATE TABLE audit (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  actor TEXT NOT NULL,
  outcome TEXT NOT NULL,
  detail TEXT NOT NULL DEFAULT '',
  message_id TEXT,
  request_id TEXT,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX leases_by_end ON leases (until);

CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  until REAL NOT NULL
);

CREATE INDEX notices_by_end ON notices (until);

CREATE INDEX notices_created ON notices (created_at);

CREATE INDEX notices_subject ON notices (subject);

CREATE TABLE notices (
  fingerprint TEXT PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  title TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('claimed', 'sending', 'sent', 'failed', 'unknown')),
  until REAL NOT NULL,
  message_id TEXT,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE sqlite_sequence(name,seq);

CREATE INDEX subscriptions_kind ON subscriptions (kind, created_at);

CREATE TABLE subscriptions (
  user_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('sponsor-update', 'event', 'announcement')),
  topics TEXT NOT NULL DEFAULT '[]',
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (user_id, kind)
);

