-- `implausible` names what cannot be in a row, null where nothing is wrong. It is computed where a row is read, so that
-- it fits whatever was written last. Instants are whole seconds: one second more is granted.

-- time: ends before it starts. distance: below 0. speed: above 200 mph, also by distance and duration.
ALTER TABLE drives ADD COLUMN implausible TEXT GENERATED ALWAYS AS (
  CASE
    WHEN ended_at < started_at THEN 'time'
    WHEN distance_mi < 0 THEN 'distance'
    WHEN max_speed_mph > 200 OR average_speed_mph > 200 THEN 'speed'
    WHEN distance_mi * 3600 > 200 * (unixepoch(ended_at) - unixepoch(started_at) + 1) THEN 'speed'
  END
) VIRTUAL;

-- energy: below 0. power: above 1,000 kW by energy and duration.
ALTER TABLE charges ADD COLUMN implausible TEXT GENERATED ALWAYS AS (
  CASE
    WHEN ended_at < started_at THEN 'time'
    WHEN energy_added_kwh < 0 OR energy_used_kwh < 0 THEN 'energy'
    WHEN max(coalesce(energy_added_kwh, 0), coalesce(energy_used_kwh, 0)) * 3600
      > 1000 * (unixepoch(ended_at) - unixepoch(started_at) + 1) THEN 'power'
  END
) VIRTUAL;

ALTER TABLE idles ADD COLUMN implausible TEXT GENERATED ALWAYS AS (
  CASE WHEN ended_at < started_at THEN 'time' END
) VIRTUAL;

-- range: 999 miles and more stand for none, as some cars tell it.
ALTER TABLE vehicles ADD COLUMN implausible TEXT GENERATED ALWAYS AS (
  CASE WHEN max(coalesce(ideal_range_mi, 0), coalesce(rated_range_mi, 0), coalesce(estimated_range_mi, 0)) >= 999
    THEN 'range' END
) VIRTUAL;

ALTER TABLE battery_health ADD COLUMN implausible TEXT GENERATED ALWAYS AS (
  CASE WHEN max(coalesce(max_ideal_range_mi, 0), coalesce(max_range_mi, 0)) >= 999 THEN 'range' END
) VIRTUAL;
