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
