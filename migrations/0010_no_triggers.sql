-- Databases from before this migration have triggers that keep updated_at. Every update sets it now.

DROP TRIGGER IF EXISTS vehicles_updated;
DROP TRIGGER IF EXISTS vehicle_settings_updated;
DROP TRIGGER IF EXISTS charges_updated;
DROP TRIGGER IF EXISTS drives_updated;
DROP TRIGGER IF EXISTS climates_updated;
DROP TRIGGER IF EXISTS software_updates_updated;
DROP TRIGGER IF EXISTS tessie_raw_updated;
DROP TRIGGER IF EXISTS sync_runs_updated;
DROP TRIGGER IF EXISTS energy_reports_updated;
DROP TRIGGER IF EXISTS logs_updated;
DROP TRIGGER IF EXISTS agent_messages_updated;
DROP TRIGGER IF EXISTS agent_actions_updated;
DROP TRIGGER IF EXISTS idles_updated;
DROP TRIGGER IF EXISTS battery_health_updated;
DROP TRIGGER IF EXISTS api_keys_touched;
