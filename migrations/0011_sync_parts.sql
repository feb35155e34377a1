-- How each part of a vehicle's sync stands, and the records that Tessie no longer has, for a while.

-- When a vehicle was archived by itself: it is gone from Tessie's list, and Tessie knows it no more.
ALTER TABLE vehicles ADD COLUMN archived_at TEXT;

-- `part` is state, drives, charges, idles, battery_health or listing. `changed_at` is what Tessie's list said last of
-- this kind, `handled_at` the change that a sync has caught up with, and `reread_at` how far back the search for the
-- one of `sought_at` has come. `failures` counts the runs in a row in which the part failed.
CREATE TABLE sync_parts (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  part TEXT NOT NULL,
  synced_at TEXT,
  refreshed_at TEXT,
  first_failed_at TEXT,
  failures INTEGER NOT NULL DEFAULT 0,
  error TEXT,
  changed_at TEXT,
  handled_at TEXT,
  sought_at TEXT,
  reread_at TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (vin, part),
  CONSTRAINT natural_id CHECK (id = vin || '-' || part)
);

INSERT INTO sync_parts (id, vin, part, synced_at, refreshed_at)
SELECT id || '-' || part, id, part, synced_at, refreshed_at
FROM vehicles CROSS JOIN (SELECT 'drives' AS part UNION ALL SELECT 'charges' UNION ALL SELECT 'idles')
WHERE backfilled_at IS NOT NULL;

-- `kind` is drives, charges or idles, and `payload` is the whole row as it was, so that it can come back.
CREATE TABLE removed_records (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  kind TEXT NOT NULL,
  tessie_id INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  removed_at TEXT NOT NULL,
  payload TEXT NOT NULL,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (vin, kind, tessie_id),
  CONSTRAINT natural_id CHECK (id = vin || '-' || kind || '-' || tessie_id)
);

CREATE INDEX removed_records_removed ON removed_records (removed_at);
CREATE INDEX drives_open ON drives (vin, started_at) WHERE ended_at IS NULL;
CREATE INDEX charges_open ON charges (vin, started_at) WHERE ended_at IS NULL;
CREATE INDEX idles_open ON idles (vin, started_at) WHERE ended_at IS NULL;
