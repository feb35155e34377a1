-- Three forms as they look once they were carried on: something to see before anyone has written.

INSERT INTO submissions (id, form, status, fingerprint, fields, sanity_at, announced_at, created_at) VALUES
('seed-contact', 'contact', 'received', 'seed-contact',
 '{"email":"ada@example.org","name":"Ada (demonstration)","subject":"A question","message":"Is this thing on?"}',
 '2026-01-01 12:00:05', '2026-01-01 12:00:06', '2026-01-01 12:00:00'),
('seed-sponsor', 'sponsor', 'received', 'seed-sponsor',
 '{"email":"jo@example.org","company":"Example Ltd (demonstration)","name":"Jo","tier":"silver"}',
 '2026-01-01 12:00:05', '2026-01-01 12:00:06', '2026-01-01 12:00:00'),
('seed-membership', 'membership', 'received', 'seed-membership',
 '{"email":"lin@example.org","name":"Lin (demonstration)","city":"Köln","accepts_code_of_conduct":true}',
 '2026-01-01 12:00:05', '2026-01-01 12:00:06', '2026-01-01 12:00:00')
ON CONFLICT DO NOTHING;
