-- What the platform keeps of its own: the site's content stays in Sanity, and is cached in KV.

-- Forms that were sent. `status`: received, or spam, which is kept for people to look at and told to nobody else.
-- `sanity_at` and `announced_at` say when it was carried on, `attempts` and `fault`, how that went.
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

CREATE INDEX submissions_by_fingerprint ON submissions (fingerprint, created_at);
CREATE INDEX submissions_by_time ON submissions (created_at);
CREATE INDEX submissions_to_deliver ON submissions (created_at)
  WHERE status = 'received' AND (sanity_at IS NULL OR announced_at IS NULL);

-- The site's content in parts, to be found by a question. `vector_of` is the digest of the text that `vector` is of.
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

-- Who does what several would do at the same time: `until` in Unix seconds.
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  until REAL NOT NULL
);
