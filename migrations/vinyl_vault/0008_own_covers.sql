-- Pictures that users sent as covers. The key names the object in the bucket. A row without a user is one whose object
-- is to be removed: its account was deleted, or no record shows it any more.
CREATE TABLE own_covers (
  key TEXT NOT NULL PRIMARY KEY,
  user_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  bytes INTEGER NOT NULL,
  created_at TEXT NOT NULL
);

CREATE INDEX own_covers_by_user ON own_covers (user_id, created_at);
