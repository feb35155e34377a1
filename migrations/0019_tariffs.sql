-- What charging costs where, and the costs that follow from it for charges that have none.

-- `rates` is a JSON list. The place is a saved location, a circle, or where both are null anywhere.
CREATE TABLE tariffs (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  vin TEXT REFERENCES vehicles (id),
  currency TEXT NOT NULL,
  timezone TEXT,
  saved_location TEXT,
  latitude REAL,
  longitude REAL,
  radius_m REAL,
  charger TEXT,
  rates TEXT NOT NULL,
  actor TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX tariffs_vin ON tariffs (vin);
CREATE INDEX tariffs_by_actor ON tariffs (actor);

-- An estimate stands beside the real cost. `estimate_tariffs` marks the tariffs that it was made by, and
-- `estimate_basis` the charge's values that it was made from: where either differs from now, it is made again.
ALTER TABLE charges ADD COLUMN estimated_cost REAL;
ALTER TABLE charges ADD COLUMN estimated_currency TEXT;
ALTER TABLE charges ADD COLUMN estimated_tariff_id TEXT;
ALTER TABLE charges ADD COLUMN estimate_tariffs TEXT NOT NULL DEFAULT '';
ALTER TABLE charges ADD COLUMN estimate_basis TEXT;

CREATE INDEX charges_estimate_tariffs ON charges (estimate_tariffs);
CREATE INDEX charges_estimate_stale ON charges (id)
WHERE estimate_basis <> json_array(started_at, ended_at, saved_location, latitude, longitude, is_supercharger, is_fast_charger, energy_added_kwh, energy_used_kwh, cost);
