-- The credential behind a ticket: its end in Unix seconds, null for none, and the mark of the administrator's key.

ALTER TABLE tickets ADD COLUMN ends_at REAL;
ALTER TABLE tickets ADD COLUMN fingerprint TEXT;
