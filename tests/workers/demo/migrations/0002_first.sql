INSERT INTO notes (title) VALUES ('from; a migration');
