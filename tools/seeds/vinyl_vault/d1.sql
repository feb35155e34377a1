-- Four records of a demonstration, one of them wanted: what a collection looks like before anyone has added to one.

INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES ('demonstration', 'demonstration@example.org', 'demonstration@example.org', '2026-01-01 12:00:00', '2026-01-01 12:00:00') ON CONFLICT DO NOTHING;

INSERT INTO sync_heads (user_id, epoch, rev) VALUES ('demonstration', '00000000deadbeef', 4) ON CONFLICT DO NOTHING;

INSERT INTO collections (user_id, id, status, artist, album, year, label, catalogue_number, format, genre, style, country, media_condition, sleeve_condition, price_paid, tags, rev, created_at) VALUES
('demonstration', 'seed-1', 'owned', 'Example Quartet', 'Grooves', 1959, 'Demo', 'DL 100', 'LP, Album', '["Jazz"]', '["Modal"]', 'US', 'Very Good Plus (VG+)', 'Very Good (VG)', '{"amount": 2500, "currency": "EUR"}', '["favourite"]', 1, '2026-01-01 12:00:00'),
('demonstration', 'seed-2', 'owned', 'The Samples', 'Side B', 1977, 'Demo', 'DL 101', '7", Single', '["Rock"]', '["Punk"]', 'UK', 'Good (G)', 'No Cover', NULL, '[]', 2, '2026-01-01 12:00:00'),
('demonstration', 'seed-3', 'owned', 'Placeholder (2)', 'Untitled', NULL, NULL, NULL, '12", EP', '["Electronic", "Folk, World, & Country"]', '[]', NULL, NULL, NULL, NULL, '[]', 3, '2026-01-01 12:00:00'),
('demonstration', 'seed-4', 'wanted', 'Example Quartet', 'More Grooves', 1961, 'Demo', 'DL 102', 'LP, Album', '["Jazz"]', '[]', 'US', NULL, NULL, NULL, '[]', 4, '2026-01-01 12:00:00')
ON CONFLICT DO NOTHING;
