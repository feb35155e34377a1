-- What a ticket has opened, as a hash, null before its first use, and the instant until which that can be resumed.

ALTER TABLE tickets ADD COLUMN target TEXT;
ALTER TABLE tickets ADD COLUMN resumes_until TEXT;
