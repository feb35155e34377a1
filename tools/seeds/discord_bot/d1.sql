-- The first line of the audit: that the bot was set up.

INSERT INTO audit (id, kind, subject, actor, outcome, detail, created_at) VALUES
(1, 'seed', 'discord-bot', 'seed', 'sent', 'The bot was set up.', '2026-01-01 12:00:00')
ON CONFLICT DO NOTHING;
