-- Records of collectors, and what keeps their copies on several devices equal. All of it goes with its user.

-- One row is one copy: two copies of a pressing are two rows. `id` is the client's, unique for its user. `rev` is the
-- revision of the row's last change, `field_revs` and `field_by` say for each field that was ever written in which
-- revision and by which client, `deleted_at` among them. A row that was deleted keeps its content until it is purged.
-- Money is {"amount": minor units, "currency": "EUR"}, discogs is {"kind": "release", "id": 1}.
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

CREATE INDEX collections_in_order ON collections (user_id, artist COLLATE NOCASE, album COLLATE NOCASE, id);
CREATE INDEX collections_deleted ON collections (deleted_at) WHERE deleted_at IS NOT NULL;

-- The newest revision of each user's records. `epoch` is another one after the database was restored, deletions up to
-- `floor` were purged. A write fails by `unchanged` when a record that it touches is no longer as it was read.
CREATE TABLE sync_heads (
  user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  epoch TEXT NOT NULL,
  rev INTEGER NOT NULL DEFAULT 0,
  floor INTEGER NOT NULL DEFAULT 0,
  ok INTEGER NOT NULL DEFAULT 1 CONSTRAINT unchanged CHECK (ok = 1)
);

-- Pushes that were answered: one that is sent again is answered alike. In `answer` a revision below 0 counts from
-- `base`, the user's revision before the push.
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

CREATE INDEX sync_queue_by_time ON sync_queue (pushed_at);

-- Values that lost against another client's, and deletions that were refused or undone, until somebody dismisses them.
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

-- Links that show a collection to whoever has them, the token is stored as its hash.
CREATE TABLE shares (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (user_id, id)
);
