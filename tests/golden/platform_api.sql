CREATE INDEX leases_by_end ON leases (until);

CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  until REAL NOT NULL
);

CREATE TABLE passages (
  id TEXT PRIMARY KEY,
  document_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  slug TEXT NOT NULL,
  title TEXT NOT NULL,
  text TEXT NOT NULL,
  folded TEXT NOT NULL,
  digest TEXT NOT NULL,
  vector TEXT,
  vector_of TEXT,
  model TEXT
);

CREATE TABLE sqlite_sequence(name,seq);

CREATE INDEX submissions_by_fingerprint ON submissions (fingerprint, created_at);

CREATE INDEX submissions_by_status ON submissions (status, created_at);

CREATE INDEX submissions_by_time ON submissions (created_at);

CREATE INDEX submissions_to_deliver ON submissions (created_at)
  WHERE status = 'received' AND (sanity_at IS NULL OR announced_at IS NULL);

CREATE TABLE submissions (
  id TEXT PRIMARY KEY,
  form TEXT NOT NULL CHECK (form IN ('contact', 'sponsor', 'membership')),
  status TEXT NOT NULL DEFAULT 'received' CHECK (status IN ('received', 'spam')),
  fingerprint TEXT NOT NULL,
  fields TEXT NOT NULL CHECK (json_valid(fields)),
  sanity_at TEXT,
  announced_at TEXT,
  attempts INTEGER NOT NULL DEFAULT 0,
  fault TEXT,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

