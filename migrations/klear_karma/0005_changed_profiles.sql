-- When the public text of a verified profile changed first after its last verification, or null if it has not.
ALTER TABLE practitioners ADD COLUMN changed_at TEXT;

CREATE INDEX practitioners_changed ON practitioners (changed_at) WHERE changed_at IS NOT NULL;
