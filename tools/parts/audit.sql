-- The audit log of administrators, which edge.auth.audit writes: an action and its target. details is a JSON object.
CREATE TABLE admin_audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target_kind TEXT NOT NULL,
  target_id TEXT NOT NULL,
  details JSON NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL
);

CREATE INDEX admin_audit_by_time ON admin_audit (created_at);
