-- Files that users send, and the records whose covers and prices are still to come.

-- One row is one file. Its rows wait in the bucket, `chunks` objects of them, `next_chunk` is the first that is not in
-- the collection yet, or -1 where all are to be judged once more before. `parts` are the parts of the file that came, and `layout` the names of its columns.
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

CREATE UNIQUE INDEX imports_running ON imports (user_id) WHERE state = 'running';
CREATE INDEX imports_by_state ON imports (state, updated_at);
CREATE INDEX imports_by_time ON imports (updated_at);

-- Records whose cover and price are to be asked for, within Discogs' limit, from `due_at` on, a row goes when it is done.
CREATE TABLE details_due (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  record_id TEXT NOT NULL,
  import_id TEXT NOT NULL,
  release_id INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at TEXT NOT NULL,
  PRIMARY KEY (user_id, record_id)
);

CREATE INDEX details_due_by_time ON details_due (due_at);
CREATE INDEX details_due_by_import ON details_due (user_id, import_id);
