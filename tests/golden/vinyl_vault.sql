CREATE INDEX account_links_by_user ON account_links (user_id);

CREATE INDEX account_links_expires ON account_links (expires_at);

CREATE TABLE account_links (
  id TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  profile TEXT,
  expires_at TEXT NOT NULL
);

CREATE INDEX admin_audit_by_time ON admin_audit (created_at);

CREATE TABLE admin_audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target_kind TEXT NOT NULL,
  target_id TEXT NOT NULL,
  details JSON NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL
);

CREATE INDEX auth_attempts_seen ON auth_attempts (seen_at);

CREATE TABLE auth_attempts (
  key TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  free_at REAL NOT NULL,
  seen_at REAL NOT NULL
);

CREATE INDEX chat_days_by_day ON chat_days (day);

CREATE TABLE chat_days (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  day TEXT NOT NULL,
  used INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (user_id, day)
);

CREATE INDEX collections_deleted ON collections (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE INDEX collections_in_order ON collections (user_id, artist COLLATE NOCASE, album COLLATE NOCASE, id);

CREATE TABLE collections (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'owned' CHECK (status IN ('owned', 'wanted')),
  artist TEXT NOT NULL DEFAULT '',
  album TEXT NOT NULL DEFAULT '',
  year INTEGER,
  label TEXT,
  catalogue_number TEXT,
  format TEXT,
  formats TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(formats)),
  genre TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(genre)),
  style TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(style)),
  country TEXT,
  barcode TEXT,
  discogs TEXT CHECK (discogs IS NULL OR json_valid(discogs)),
  cover TEXT,
  media_condition TEXT,
  sleeve_condition TEXT,
  rating INTEGER CHECK (rating BETWEEN 1 AND 5),
  notes TEXT,
  price_paid TEXT CHECK (price_paid IS NULL OR json_valid(price_paid)),
  bought_on TEXT,
  price_sold TEXT CHECK (price_sold IS NULL OR json_valid(price_sold)),
  sold_on TEXT,
  market_value TEXT CHECK (market_value IS NULL OR json_valid(market_value)),
  valued_on TEXT,
  date_added TEXT,
  tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
  folder TEXT,
  shelf TEXT,
  colour TEXT,
  extra TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(extra)),
  field_revs TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(field_revs)),
  field_by TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(field_by)),
  rev INTEGER NOT NULL,
  deleted_at TEXT,
  created_at TEXT NOT NULL,
  PRIMARY KEY (user_id, id),
  UNIQUE (user_id, rev)
);

CREATE TABLE daily_values (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  day TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount INTEGER NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (user_id, day, currency)
);

CREATE INDEX details_due_by_import ON details_due (user_id, import_id);

CREATE INDEX details_due_by_time ON details_due (due_at);

CREATE INDEX details_due_by_user ON details_due (user_id, due_at);

CREATE TABLE details_due (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  record_id TEXT NOT NULL,
  import_id TEXT NOT NULL,
  release_id INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at TEXT NOT NULL,
  PRIMARY KEY (user_id, record_id)
);

CREATE INDEX imports_by_state ON imports (state, updated_at);

CREATE INDEX imports_by_time ON imports (updated_at);

CREATE UNIQUE INDEX imports_running ON imports (user_id) WHERE state = 'running';

CREATE TABLE imports (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'checked', 'running', 'done')),
  source TEXT NOT NULL CHECK (source IN ('csv', 'browser')),
  name TEXT NOT NULL,
  is_wantlist INTEGER NOT NULL DEFAULT 0 CHECK (is_wantlist IN (0, 1)),
  encoding TEXT NOT NULL DEFAULT '',
  delimiter TEXT NOT NULL DEFAULT '',
  layout TEXT CHECK (layout IS NULL OR json_valid(layout)),
  bytes INTEGER NOT NULL DEFAULT 0,
  parts INTEGER NOT NULL DEFAULT 0,
  chunks INTEGER NOT NULL DEFAULT 0,
  next_chunk INTEGER NOT NULL DEFAULT 0,
  rows_read INTEGER NOT NULL DEFAULT 0,
  rows_new INTEGER NOT NULL DEFAULT 0,
  rows_same INTEGER NOT NULL DEFAULT 0,
  rows_possible INTEGER NOT NULL DEFAULT 0,
  rows_refused INTEGER NOT NULL DEFAULT 0,
  takes_possible INTEGER NOT NULL DEFAULT 0 CHECK (takes_possible IN (0, 1)),
  refusals TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(refusals)),
  possible TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(possible)),
  details_wanted INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (user_id, id)
);

CREATE INDEX leases_by_end ON leases (until);

CREATE TABLE leases (
  name TEXT NOT NULL PRIMARY KEY,
  until REAL NOT NULL
);

CREATE INDEX own_covers_by_user ON own_covers (user_id, created_at);

CREATE TABLE own_covers (
  key TEXT NOT NULL PRIMARY KEY,
  user_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  bytes INTEGER NOT NULL,
  created_at TEXT NOT NULL
);

CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id, network);

CREATE INDEX refresh_tokens_ended ON refresh_tokens (ended_at);

CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);

CREATE TABLE refresh_tokens (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  counter INTEGER NOT NULL,
  rotated_at REAL NOT NULL,
  used_at REAL,
  client TEXT NOT NULL,
  network TEXT NOT NULL,
  created_at TEXT NOT NULL,
  last_used_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  ended_at TEXT,
  ended_by TEXT
);

CREATE TABLE shares (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (user_id, id)
);

CREATE TABLE sqlite_sequence(name,seq);

CREATE TABLE sync_conflicts (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  client_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  n INTEGER NOT NULL,
  record_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  field TEXT,
  kept TEXT NOT NULL CHECK (json_valid(kept)),
  lost TEXT NOT NULL CHECK (json_valid(lost)),
  lost_by TEXT NOT NULL,
  found_at TEXT NOT NULL,
  PRIMARY KEY (user_id, client_id, seq, n)
);

CREATE TABLE sync_heads (
  user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  epoch TEXT NOT NULL,
  rev INTEGER NOT NULL DEFAULT 0,
  floor INTEGER NOT NULL DEFAULT 0,
  ok INTEGER NOT NULL DEFAULT 1 CONSTRAINT unchanged CHECK (ok = 1)
);

CREATE INDEX sync_queue_by_time ON sync_queue (pushed_at);

CREATE TABLE sync_queue (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  client_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  body_hash TEXT NOT NULL,
  answer TEXT NOT NULL CHECK (json_valid(answer)),
  base INTEGER NOT NULL DEFAULT 0,
  pushed_at TEXT NOT NULL,
  PRIMARY KEY (user_id, client_id, seq)
);

CREATE TABLE user_passwords (
  user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  hash TEXT NOT NULL,
  changed_at TEXT NOT NULL
);

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL UNIQUE,
  confirmed_at TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);

