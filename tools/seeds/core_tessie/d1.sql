-- One small demonstration vehicle, for a first look without a Tessie account. `make erase` removes it.
-- It is not active, so no sync asks Tessie for it.

INSERT INTO vehicles (
  id, vin, display_name, car_type, trim_badging, exterior_color, wheel_type, is_active, state, recorded_at,
  odometer_mi, battery_pct, usable_battery_pct, rated_range_mi, charging_state, latitude, longitude, is_locked,
  utc_offset_s
) VALUES (
  '5YJ3E1EA0DEM00001', '5YJ3E1EA0DEM00001', 'Demonstration car (seeded)', 'model3', '74d', 'MidnightSilver',
  'Pinwheel18', 0, 'asleep', '2026-01-03 18:00:00', 12062.0, 71, 70, 213.0, 'Disconnected', 52.52, 13.405, 1, 3600
) ON CONFLICT DO NOTHING;

INSERT INTO drives (
  id, vin, tessie_id, started_at, ended_at, starting_location, ending_location, starting_latitude, starting_longitude,
  ending_latitude, ending_longitude, starting_battery_pct, ending_battery_pct, starting_odometer_mi, ending_odometer_mi,
  distance_mi, average_speed_mph, max_speed_mph, inside_temp_c, outside_temp_c, rated_range_used_mi, energy_used_kwh, tag
) VALUES
  ('5YJ3E1EA0DEM00001-1', '5YJ3E1EA0DEM00001', 1, '2026-01-01 08:00:00', '2026-01-01 08:30:00', 'Demo Street 1, Berlin',
   'Demo Square 2, Potsdam', 52.52, 13.405, 52.39, 13.064, 80, 72, 12000.0, 12022.0, 22.0, 44.0, 72.0, 20.5, 2.0, 24.0,
   6.0, 'demonstration'),
  ('5YJ3E1EA0DEM00001-2', '5YJ3E1EA0DEM00001', 2, '2026-01-01 17:00:00', '2026-01-01 17:33:00',
   'Demo Square 2, Potsdam', 'Demo Street 1, Berlin', 52.39, 13.064, 52.52, 13.405, 72, 63, 12022.0, 12044.0, 22.0, 40.0,
   68.0, 20.0, 1.0, 27.0, 6.7, 'demonstration'),
  ('5YJ3E1EA0DEM00001-3', '5YJ3E1EA0DEM00001', 3, '2026-01-03 16:30:00', '2026-01-03 17:00:00',
   'Demo Street 1, Berlin', 'Demo Street 1, Berlin', 52.52, 13.405, 52.52, 13.405, 78, 72, 12044.0, 12062.0, 18.0, 36.0,
   50.0, 21.0, 4.0, 18.0, 4.5, 'demonstration')
ON CONFLICT DO NOTHING;

INSERT INTO charges (
  id, vin, tessie_id, started_at, ended_at, location, latitude, longitude, is_supercharger, is_fast_charger, odometer_mi,
  energy_added_kwh, energy_used_kwh, rated_range_added_mi, starting_battery_pct, ending_battery_pct, cost
) VALUES
  ('5YJ3E1EA0DEM00001-1', '5YJ3E1EA0DEM00001', 1, '2026-01-01 20:00:00', '2026-01-01 21:00:00',
   'Demo Street 1, Berlin', 52.52, 13.405, 0, 0, 12044.0, 6.0, 6.6, 24.0, 63, 71, 1.98),
  ('5YJ3E1EA0DEM00001-2', '5YJ3E1EA0DEM00001', 2, '2026-01-03 15:00:00', '2026-01-03 15:10:00',
   'Demo Charger 3, Berlin', 52.53, 13.41, 1, 1, 12044.0, 6.8, 7.1, 27.0, 69, 78, 3.55)
ON CONFLICT DO NOTHING;

INSERT INTO idles (
  id, vin, tessie_id, started_at, ended_at, location, latitude, longitude, starting_battery_pct, ending_battery_pct,
  rated_range_used_mi, climate_fraction, sentry_fraction, energy_used_kwh
) VALUES (
  '5YJ3E1EA0DEM00001-1', '5YJ3E1EA0DEM00001', 1, '2026-01-01 21:00:00', '2026-01-03 14:50:00', 'Demo Street 1, Berlin',
  52.52, 13.405, 71, 69, 6.0, 0.0, 0.1, 1.5
) ON CONFLICT DO NOTHING;
