-- Mails of reminders, one of a booking for each side: a later reminder takes the place of an earlier one. attempts counts
-- those that began, due_at is the next one's time: null while one is under way, and after one that did not fail.
CREATE TABLE reminder_mails (
  appointment_id TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
  side TEXT NOT NULL CHECK (side IN ('customer', 'practitioner')),
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at TEXT,
  created_at TEXT NOT NULL,
  PRIMARY KEY (appointment_id, side)
);

CREATE INDEX reminder_mails_due ON reminder_mails (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX reminder_mails_by_time ON reminder_mails (created_at);
