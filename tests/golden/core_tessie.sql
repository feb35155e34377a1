CREATE INDEX agent_actions_by_actor ON agent_actions (actor);

CREATE INDEX agent_actions_created ON agent_actions (created_at);

CREATE INDEX agent_actions_ended ON agent_actions (ended_at);

CREATE UNIQUE INDEX agent_actions_idempotency ON agent_actions (idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE INDEX agent_actions_kind ON agent_actions (kind, created_at);

CREATE INDEX agent_actions_status ON agent_actions (status, created_at);

CREATE INDEX agent_actions_unsent ON agent_actions (created_at) WHERE status = 'queued' AND sent_at IS NULL;

CREATE INDEX agent_actions_vin ON agent_actions (vin);

CREATE TABLE agent_actions (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  payload TEXT NOT NULL DEFAULT '{}',
  status TEXT NOT NULL,
  vin TEXT REFERENCES vehicles (id),
  attempts INTEGER NOT NULL DEFAULT 0,
  result TEXT,
  error TEXT,
  idempotency_key TEXT,
  actor TEXT,
  request_id TEXT,
  started_at TEXT,
  ended_at TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
, sent_at TEXT, lease_ends_at TEXT, claimed_by TEXT, request_hash TEXT, is_called_off INTEGER NOT NULL DEFAULT 0, retries INTEGER NOT NULL DEFAULT 0);

CREATE INDEX agent_messages_actor ON agent_messages (actor, role, created_at);

CREATE INDEX agent_messages_asked ON agent_messages (role, created_at);

CREATE INDEX agent_messages_conversation ON agent_messages (conversation_id, created_at);

CREATE INDEX agent_messages_turn ON agent_messages (conversation_id, turn);

CREATE TABLE agent_messages (
  id TEXT PRIMARY KEY,
  conversation_id TEXT NOT NULL,
  role TEXT NOT NULL,
  content TEXT NOT NULL,
  model TEXT,
  status TEXT NOT NULL,
  prompt_tokens INTEGER,
  completion_tokens INTEGER,
  actor TEXT,
  request_id TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
, turn INTEGER NOT NULL DEFAULT 0, tool_calls TEXT, tool_call_id TEXT, finish_reason TEXT, error TEXT, subjects TEXT, least_role INTEGER NOT NULL DEFAULT 3);

CREATE INDEX api_keys_created ON api_keys (created_at);

CREATE INDEX api_keys_ended ON api_keys (coalesce(revoked_at, expires_at));

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role INTEGER NOT NULL CHECK (role BETWEEN 1 AND 3),
  prefix TEXT NOT NULL,
  hash TEXT NOT NULL,
  subjects TEXT,
  daily_calls INTEGER,
  actor TEXT,
  expires_at TEXT,
  revoked_at TEXT,
  last_used_at TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX battery_health_vin_recorded ON battery_health (vin, recorded_at);

CREATE TABLE battery_health (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  recorded_at TEXT NOT NULL,
  odometer_mi REAL,
  max_range_mi REAL,
  max_ideal_range_mi REAL,
  capacity_kwh REAL,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP, implausible TEXT GENERATED ALWAYS AS (
  CASE WHEN max(coalesce(max_ideal_range_mi, 0), coalesce(max_range_mi, 0)) >= 999 THEN 'range' END
) VIRTUAL,
  CONSTRAINT natural_id CHECK (id = vin || '-' || recorded_at)
);

CREATE INDEX charges_estimate_stale ON charges (id)
WHERE estimate_basis <> json_array(started_at, ended_at, saved_location, latitude, longitude, is_supercharger, is_fast_charger, energy_added_kwh, energy_used_kwh, cost);

CREATE INDEX charges_estimate_tariffs ON charges (estimate_tariffs);

CREATE INDEX charges_open ON charges (vin, started_at) WHERE ended_at IS NULL;

CREATE INDEX charges_started ON charges (started_at);

CREATE INDEX charges_vin_started ON charges (vin, started_at);

CREATE TABLE charges (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  tessie_id INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  location TEXT,
  saved_location TEXT,
  latitude REAL,
  longitude REAL,
  is_supercharger INTEGER,
  is_fast_charger INTEGER,
  odometer_mi REAL,
  energy_added_kwh REAL,
  energy_used_kwh REAL,
  rated_range_added_mi REAL,
  ideal_range_added_mi REAL,
  starting_battery_pct REAL,
  ending_battery_pct REAL,
  cost REAL,
  tessie_updated_at TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP, implausible TEXT GENERATED ALWAYS AS (
  CASE
    WHEN ended_at < started_at THEN 'time'
    WHEN energy_added_kwh < 0 OR energy_used_kwh < 0 THEN 'energy'
    WHEN max(coalesce(energy_added_kwh, 0), coalesce(energy_used_kwh, 0)) * 3600
      > 1000 * (unixepoch(ended_at) - unixepoch(started_at) + 1) THEN 'power'
  END
) VIRTUAL, estimated_cost REAL, estimated_currency TEXT, estimated_tariff_id TEXT, estimate_tariffs TEXT NOT NULL DEFAULT '', estimate_basis TEXT,
  UNIQUE (vin, tessie_id),
  CONSTRAINT natural_id CHECK (id = vin || '-' || tessie_id)
);

CREATE INDEX climates_vin_recorded ON climates (vin, recorded_at);

CREATE TABLE climates (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  recorded_at TEXT NOT NULL,
  inside_temp_c REAL,
  outside_temp_c REAL,
  driver_temp_setting_c REAL,
  passenger_temp_setting_c REAL,
  is_climate_on INTEGER,
  is_auto_conditioning_on INTEGER,
  is_preconditioning INTEGER,
  is_front_defroster_on INTEGER,
  is_rear_defroster_on INTEGER,
  is_battery_heater_on INTEGER,
  fan_status INTEGER,
  defrost_mode INTEGER,
  climate_keeper_mode TEXT,
  cabin_overheat_protection TEXT,
  seat_heater_left INTEGER,
  seat_heater_right INTEGER,
  is_steering_wheel_heater_on INTEGER,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT natural_id CHECK (id = vin || '-' || recorded_at)
);

CREATE INDEX drives_open ON drives (vin, started_at) WHERE ended_at IS NULL;

CREATE INDEX drives_started ON drives (started_at);

CREATE INDEX drives_vin_started ON drives (vin, started_at);

CREATE TABLE drives (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  tessie_id INTEGER NOT NULL,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  starting_location TEXT,
  starting_saved_location TEXT,
  starting_latitude REAL,
  starting_longitude REAL,
  ending_location TEXT,
  ending_saved_location TEXT,
  ending_latitude REAL,
  ending_longitude REAL,
  starting_battery_pct REAL,
  ending_battery_pct REAL,
  starting_odometer_mi REAL,
  ending_odometer_mi REAL,
  distance_mi REAL,
  autopilot_distance_mi REAL,
  average_speed_mph REAL,
  max_speed_mph REAL,
  inside_temp_c REAL,
  outside_temp_c REAL,
  rated_range_used_mi REAL,
  ideal_range_used_mi REAL,
  energy_used_kwh REAL,
  tag TEXT,
  tessie_updated_at TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP, implausible TEXT GENERATED ALWAYS AS (
  CASE
    WHEN ended_at < started_at THEN 'time'
    WHEN distance_mi < 0 THEN 'distance'
    WHEN max_speed_mph > 200 OR average_speed_mph > 200 THEN 'speed'
    WHEN distance_mi * 3600 > 200 * (unixepoch(ended_at) - unixepoch(started_at) + 1) THEN 'speed'
  END
) VIRTUAL,
  UNIQUE (vin, tessie_id),
  CONSTRAINT natural_id CHECK (id = vin || '-' || tessie_id)
);

CREATE INDEX energy_reports_by_actor ON energy_reports (actor);

CREATE INDEX energy_reports_vin_created ON energy_reports (vin, created_at);

CREATE TABLE energy_reports (
  id TEXT PRIMARY KEY,
  vin TEXT REFERENCES vehicles (id),
  period_from TEXT NOT NULL,
  period_to TEXT NOT NULL,
  title TEXT NOT NULL,
  report TEXT NOT NULL,
  summary TEXT,
  rows_used INTEGER NOT NULL DEFAULT 0,
  actor TEXT,
  request_id TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idles_open ON idles (vin, started_at) WHERE ended_at IS NULL;

CREATE INDEX idles_started ON idles (started_at);

CREATE INDEX idles_vin_started ON idles (vin, started_at);

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
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP, implausible TEXT GENERATED ALWAYS AS (
  CASE WHEN ended_at < started_at THEN 'time' END
) VIRTUAL,
  UNIQUE (vin, tessie_id),
  CONSTRAINT natural_id CHECK (id = vin || '-' || tessie_id)
);

CREATE INDEX logs_by_actor ON logs (actor, created_at);

CREATE INDEX logs_created ON logs (created_at);

CREATE INDEX logs_request ON logs (request_id);

CREATE TABLE logs (
  id TEXT PRIMARY KEY,
  route TEXT,
  actor TEXT,
  request_id TEXT,
  level TEXT NOT NULL,
  message TEXT NOT NULL,
  payload TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX overrides_by_actor ON overrides (actor);

CREATE INDEX overrides_record ON overrides (record_table, record_id);

CREATE INDEX overrides_vin ON overrides (vin);

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

CREATE INDEX removed_records_removed ON removed_records (removed_at);

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

CREATE TABLE software_updates (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  version TEXT NOT NULL,
  status TEXT NOT NULL,
  first_seen_at TEXT NOT NULL,
  installed_at TEXT,
  download_pct REAL,
  install_pct REAL,
  expected_duration_s INTEGER,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  UNIQUE (vin, version),
  CONSTRAINT natural_id CHECK (id = vin || '-' || version)
);

CREATE TABLE sqlite_sequence(name,seq);

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

CREATE INDEX sync_runs_by_actor ON sync_runs (actor);

CREATE INDEX sync_runs_ended ON sync_runs (ended_at);

CREATE INDEX sync_runs_open ON sync_runs (status, started_at);

CREATE INDEX sync_runs_started ON sync_runs (started_at);

CREATE TABLE sync_runs (
  id TEXT PRIMARY KEY,
  cause TEXT NOT NULL,
  status TEXT NOT NULL,
  actor TEXT,
  request_id TEXT,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  vehicles_total INTEGER NOT NULL DEFAULT 0,
  vehicles_done INTEGER NOT NULL DEFAULT 0,
  vehicles_failed INTEGER NOT NULL DEFAULT 0,
  rows_written INTEGER NOT NULL DEFAULT 0,
  progress TEXT NOT NULL DEFAULT '{}',
  error TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX tariffs_by_actor ON tariffs (actor);

CREATE INDEX tariffs_vin ON tariffs (vin);

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

CREATE INDEX tessie_raw_asked ON tessie_raw (path, query, method) WHERE digest IS NOT NULL;

CREATE INDEX tessie_raw_created ON tessie_raw (created_at);

CREATE INDEX tessie_raw_stored ON tessie_raw (created_at, stored_bytes) WHERE stored_bytes IS NOT NULL;

CREATE INDEX tessie_raw_vin_created ON tessie_raw (vin, created_at);

CREATE TABLE tessie_raw (
  id TEXT PRIMARY KEY,
  vin TEXT,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  query TEXT NOT NULL DEFAULT '',
  status INTEGER,
  content_type TEXT,
  body TEXT,
  body_bytes INTEGER NOT NULL DEFAULT 0,
  is_cut INTEGER NOT NULL DEFAULT 0,
  latency_ms REAL,
  attempts INTEGER NOT NULL DEFAULT 1,
  error TEXT,
  request_id TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
, digest TEXT, seen INTEGER NOT NULL DEFAULT 1, last_seen_at TEXT, stored_bytes INTEGER);

CREATE INDEX tickets_expires ON tickets (expires_at);

CREATE TABLE tickets (
  id TEXT PRIMARY KEY,
  actor TEXT NOT NULL,
  role INTEGER NOT NULL,
  expires_at TEXT NOT NULL,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP
, subjects TEXT, daily_calls INTEGER, ends_at REAL, fingerprint TEXT, target TEXT, resumes_until TEXT);

CREATE INDEX vehicle_settings_vin ON vehicle_settings (vin);

CREATE TABLE vehicle_settings (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL REFERENCES vehicles (id),
  recorded_at TEXT,
  charge_limit_pct REAL,
  charge_amps REAL,
  scheduled_charging_mode TEXT,
  scheduled_charging_start_min INTEGER,
  scheduled_departure_min INTEGER,
  is_preconditioning_enabled INTEGER,
  is_off_peak_charging_enabled INTEGER,
  driver_temp_setting_c REAL,
  passenger_temp_setting_c REAL,
  cabin_overheat_protection TEXT,
  is_sentry_on INTEGER,
  is_valet_on INTEGER,
  speed_limit_mph REAL,
  is_speed_limit_on INTEGER,
  gui_distance_units TEXT,
  gui_temperature_units TEXT,
  gui_charge_rate_units TEXT,
  gui_tire_pressure_units TEXT,
  gui_range_display TEXT,
  is_gui_24_hour INTEGER,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT natural_id CHECK (id = vin)
);

CREATE TABLE vehicles (
  id TEXT PRIMARY KEY,
  vin TEXT NOT NULL UNIQUE,
  tessie_id TEXT,
  display_name TEXT,
  car_type TEXT,
  trim_badging TEXT,
  exterior_color TEXT,
  wheel_type TEXT,
  is_active INTEGER NOT NULL DEFAULT 1,
  state TEXT,
  recorded_at TEXT,
  odometer_mi REAL,
  battery_pct REAL,
  usable_battery_pct REAL,
  rated_range_mi REAL,
  estimated_range_mi REAL,
  ideal_range_mi REAL,
  energy_remaining_kwh REAL,
  charging_state TEXT,
  charger_power_kw REAL,
  minutes_to_full_charge REAL,
  latitude REAL,
  longitude REAL,
  heading_deg REAL,
  speed_mph REAL,
  shift_state TEXT,
  is_locked INTEGER,
  is_user_present INTEGER,
  is_sentry_on INTEGER,
  is_climate_on INTEGER,
  inside_temp_c REAL,
  outside_temp_c REAL,
  tire_front_left_bar REAL,
  tire_front_right_bar REAL,
  tire_rear_left_bar REAL,
  tire_rear_right_bar REAL,
  car_version TEXT,
  utc_offset_s INTEGER,
  synced_at TEXT,
  refreshed_at TEXT,
  backfilled_at TEXT,
  backfill TEXT,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT DEFAULT CURRENT_TIMESTAMP, archived_at TEXT, original_capacity_kwh REAL, degradation_pct REAL, implausible TEXT GENERATED ALWAYS AS (
  CASE WHEN max(coalesce(ideal_range_mi, 0), coalesce(rated_range_mi, 0), coalesce(estimated_range_mi, 0)) >= 999
    THEN 'range' END
) VIRTUAL,
  CONSTRAINT natural_id CHECK (id = vin)
);

