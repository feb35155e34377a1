-- Accounts of users: docs/accounts.md. An address is unique in whatever case it is written. confirmed_at is null where no
-- mail has shown yet that the address is the user's.
CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL UNIQUE,
  confirmed_at TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);

-- Hashes of passwords, as PHC strings.
CREATE TABLE user_passwords (
  user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  hash TEXT NOT NULL,
  changed_at TEXT NOT NULL
);

-- Sessions, each a family of refresh tokens of which none is stored. rotated_at and used_at are Unix seconds: when the
-- present counter began, and when its token was first used. network marks the network that began the session.
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

CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id, network);
CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_ended ON refresh_tokens (ended_at);

-- Single-use links of mails. The id is a link's hash, profile a JSON object with what a registration gave.
CREATE TABLE account_links (
  id TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  profile TEXT,
  expires_at TEXT NOT NULL
);

CREATE INDEX account_links_by_user ON account_links (user_id);
CREATE INDEX account_links_expires ON account_links (expires_at);

-- Attempts that count against a limit, by a mark of what limits them. free_at and seen_at are Unix seconds.
CREATE TABLE auth_attempts (
  key TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  free_at REAL NOT NULL,
  seen_at REAL NOT NULL
);

CREATE INDEX auth_attempts_seen ON auth_attempts (seen_at);
