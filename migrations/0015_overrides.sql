-- What an owner says of a record instead of Tessie. The records hold the owner's values, here both are kept apart.

-- One row for each corrected column: `owner_value` and `tessie_value` (the newest from Tessie) are JSON. A row without
-- `column_name` is about the record as a whole: `owner_value` is null where the owner removed it, true where the owner
-- wrote it, `tessie_value` is Tessie's record then, or JSON's null where Tessie has none.
CREATE TABLE overrides (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  record_table TEXT NOT NULL,
  record_id TEXT NOT NULL,
  column_name TEXT,
  owner_value TEXT NOT NULL,
  tessie_value TEXT,
  actor TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT natural_id CHECK (id = record_table || ':' || record_id || coalesce(':' || column_name, ''))
);

CREATE INDEX overrides_record ON overrides (record_table, record_id);
CREATE INDEX overrides_vin ON overrides (vin);
CREATE INDEX overrides_by_actor ON overrides (actor);
