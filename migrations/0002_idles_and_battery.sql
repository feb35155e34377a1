-- What an owner asks about beyond the first twelve tables: what a parked car used, and how its battery ages.

CREATE TABLE idles (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  tessie_id INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  location TEXT,
  saved_location TEXT,
  latitude REAL,
  longitude REAL,
  starting_battery_pct REAL,
  ending_battery_pct REAL,
  rated_range_used_mi REAL,
  ideal_range_used_mi REAL,
  climate_fraction REAL,
  sentry_fraction REAL,
  energy_used_kwh REAL,
  tessie_updated_at TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (vin, tessie_id),
  CONSTRAINT natural_id CHECK (id = vin || '-' || tessie_id)
);

CREATE TABLE battery_health (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  recorded_at TEXT NOT NULL,
  odometer_mi REAL,
  max_range_mi REAL,
  max_ideal_range_mi REAL,
  capacity_kwh REAL,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT natural_id CHECK (id = vin || '-' || recorded_at)
);

CREATE INDEX idles_vin_started ON idles (vin, started_at);
CREATE INDEX idles_started ON idles (started_at);
CREATE INDEX battery_health_vin_recorded ON battery_health (vin, recorded_at);
