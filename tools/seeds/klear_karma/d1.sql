-- A practitioner in Berlin with two services, to look at. Its account has no password: `make dev` shows how to register.

INSERT INTO users (id, email, email_key, name, user_type, created_at, updated_at) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 'mira@example.org', 'mira@example.org', 'Mira Lindqvist', 'healer', '2026-11-01 08:00:00', '2026-11-01 08:00:00') ON CONFLICT DO NOTHING;

INSERT INTO practitioners (number, id, name, headline, bio, specializations, languages, city, country, coarse_lat, coarse_lng, time_zone, currency, verification, min_price, created_at, updated_at) VALUES (1, '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 'Mira Lindqvist', 'Reiki and breath work', 'Ten years of practice, two of teaching.', '["reiki", "breathwork"]', '["de", "en", "sv"]', 'Berlin', 'DE', 52.52, 13.41, 'Europe/Berlin', 'EUR', 'verified', 4500, '2026-11-01 08:00:00', '2026-11-01 08:00:00') ON CONFLICT DO NOTHING;

INSERT INTO services (id, practitioner_id, name, minutes, increment_minutes, buffer_after_minutes, price, currency, created_at, updated_at) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0101', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 'Reiki session', 60, 30, 15, 7500, 'EUR', '2026-11-01 08:00:00', '2026-11-01 08:00:00') ON CONFLICT DO NOTHING;

INSERT INTO services (id, practitioner_id, name, minutes, increment_minutes, buffer_after_minutes, price, currency, created_at, updated_at) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0102', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 'Breath work', 30, 30, 0, 4500, 'EUR', '2026-11-01 08:00:00', '2026-11-01 08:00:00') ON CONFLICT DO NOTHING;

INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0200', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 0, 540, 720) ON CONFLICT DO NOTHING;

INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0201', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 0, 780, 1020) ON CONFLICT DO NOTHING;

INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0210', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 1, 540, 720) ON CONFLICT DO NOTHING;

INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0211', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 1, 780, 1020) ON CONFLICT DO NOTHING;

INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0220', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 2, 540, 720) ON CONFLICT DO NOTHING;

INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0221', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 2, 780, 1020) ON CONFLICT DO NOTHING;

INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0230', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 3, 540, 720) ON CONFLICT DO NOTHING;

INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0231', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 3, 780, 1020) ON CONFLICT DO NOTHING;

INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0240', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 4, 540, 720) ON CONFLICT DO NOTHING;

INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES ('7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0241', '7d1c0f8e-6a30-4f0e-9a53-1f3f5c1f0001', 4, 780, 1020) ON CONFLICT DO NOTHING;
