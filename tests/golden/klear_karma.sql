CREATE INDEX account_links_by_user ON account_links (user_id);

CREATE INDEX account_links_expires ON account_links (expires_at);

CREATE TABLE account_links (
  id TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  email TEXT NOT NULL,
  profile TEXT,
  expires_at TEXT NOT NULL
);

CREATE INDEX admin_audit_by_time ON admin_audit (created_at);

CREATE TABLE admin_audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target_kind TEXT NOT NULL,
  target_id TEXT NOT NULL,
  details JSON NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL
);

CREATE INDEX appointments_blocking ON appointments (practitioner_id, blocked_from, blocked_until)
  WHERE state IN ('requested', 'confirmed', 'rescheduled');

CREATE INDEX appointments_ending ON appointments (ends_at) WHERE state IN ('confirmed', 'rescheduled');

CREATE INDEX appointments_expiring ON appointments (expires_at) WHERE state = 'requested';

CREATE INDEX appointments_of_customer ON appointments (customer_id, starts_at, id);

CREATE INDEX appointments_of_pair ON appointments (customer_id, practitioner_id);

CREATE INDEX appointments_of_practitioner ON appointments (practitioner_id, starts_at, id);

CREATE INDEX appointments_of_service ON appointments (service_id);

CREATE TABLE appointments (
  id TEXT PRIMARY KEY,
  customer_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  practitioner_id TEXT REFERENCES practitioners (id) ON DELETE SET NULL,
  service_id TEXT REFERENCES services (id) ON DELETE SET NULL,
  customer_name TEXT NOT NULL,
  practitioner_name TEXT NOT NULL,
  service_name TEXT NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('requested', 'confirmed', 'rescheduled', 'completed', 'no_show', 'cancelled', 'expired')),
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  time_zone TEXT NOT NULL,
  wall_time TEXT NOT NULL,
  tzdata_version TEXT NOT NULL DEFAULT '',
  blocked_from INTEGER NOT NULL,
  blocked_until INTEGER NOT NULL,
  minutes INTEGER NOT NULL,
  buffer_before_minutes INTEGER NOT NULL DEFAULT 0,
  buffer_after_minutes INTEGER NOT NULL DEFAULT 0,
  price INTEGER NOT NULL,
  currency TEXT NOT NULL,
  cancellation_hours INTEGER NOT NULL DEFAULT 0,
  note TEXT NOT NULL DEFAULT '',
  sequence INTEGER NOT NULL DEFAULT 0,
  expires_at TEXT,
  confirmed_at TEXT,
  moved_by TEXT CHECK (moved_by IN ('customer', 'practitioner', 'admin')),
  cancelled_at TEXT,
  cancelled_by TEXT CHECK (cancelled_by IN ('customer', 'practitioner', 'admin', 'system')),
  cancel_reason TEXT NOT NULL DEFAULT '',
  idempotency_key TEXT,
  request_hash TEXT,
  free INTEGER NOT NULL CONSTRAINT slot_taken CHECK (free = 1),
  current INTEGER NOT NULL CONSTRAINT calendar_changed CHECK (current = 1),
  welcome INTEGER NOT NULL DEFAULT 1 CONSTRAINT not_welcome CHECK (welcome = 1),
  legal INTEGER NOT NULL DEFAULT 1 CONSTRAINT state_changed CHECK (legal = 1),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL, few INTEGER NOT NULL DEFAULT 1 CONSTRAINT too_many_requested CHECK (few = 1),
  UNIQUE (customer_id, idempotency_key),
  CHECK (blocked_from < blocked_until AND blocked_until - blocked_from <= 86400),
  CHECK ((state = 'cancelled') = (cancelled_by IS NOT NULL)),
  CHECK (state <> 'requested' OR expires_at IS NOT NULL)
);

CREATE INDEX auth_attempts_seen ON auth_attempts (seen_at);

CREATE TABLE auth_attempts (
  key TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  free_at REAL NOT NULL,
  seen_at REAL NOT NULL
);

CREATE INDEX blocks_of_blocked ON blocks (blocked_id);

CREATE TABLE blocks (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  blocked_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  PRIMARY KEY (user_id, blocked_id),
  CHECK (user_id <> blocked_id)
);

CREATE INDEX conversations_of_customer ON conversations (customer_id, last_message_at);

CREATE INDEX conversations_of_practitioner ON conversations (practitioner_id, last_message_at);

CREATE TABLE conversations (
  id TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  practitioner_id TEXT NOT NULL REFERENCES practitioners (id) ON DELETE CASCADE,
  customer_name TEXT NOT NULL,
  practitioner_name TEXT NOT NULL,
  last_number INTEGER NOT NULL DEFAULT 0,
  customer_read INTEGER NOT NULL DEFAULT 0,
  practitioner_read INTEGER NOT NULL DEFAULT 0,
  last_message_at TEXT NOT NULL,
  created_at TEXT NOT NULL,
  UNIQUE (customer_id, practitioner_id)
);

CREATE INDEX feed_links_of_user ON feed_links (user_id);

CREATE TABLE feed_links (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  side TEXT NOT NULL CHECK (side IN ('customer', 'practitioner')),
  token_hash TEXT NOT NULL UNIQUE,
  has_notes INTEGER NOT NULL DEFAULT 0 CHECK (has_notes IN (0, 1)),
  created_at TEXT NOT NULL
);

CREATE INDEX messages_by_sender ON messages (conversation_id, sender_id);

CREATE TABLE messages (
  id TEXT PRIMARY KEY,
  conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  number INTEGER NOT NULL,
  sender_id TEXT NOT NULL,
  body TEXT NOT NULL,
  allowed INTEGER NOT NULL DEFAULT 1 CONSTRAINT message_not_allowed CHECK (allowed = 1),
  sent_at TEXT NOT NULL,
  edited_at TEXT,
  deleted_at TEXT,
  UNIQUE (conversation_id, number)
);

CREATE INDEX notifications_by_time ON notifications (created_at);

CREATE INDEX notifications_of_appointment ON notifications (appointment_id);

CREATE INDEX notifications_of_user ON notifications (user_id, created_at, id);

CREATE TABLE notifications (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  appointment_id TEXT REFERENCES appointments (id) ON DELETE CASCADE,
  data JSON NOT NULL DEFAULT '{}',
  created_at TEXT NOT NULL,
  read_at TEXT
);

CREATE TABLE practitioner_places (
  practitioner_id TEXT PRIMARY KEY REFERENCES practitioners (id) ON DELETE CASCADE,
  lat REAL NOT NULL,
  lng REAL NOT NULL,
  address TEXT NOT NULL DEFAULT '',
  updated_at TEXT NOT NULL
);

CREATE VIRTUAL TABLE practitioner_texts USING fts5 (words, marks, tokenize='ascii', prefix='2 3');

CREATE TABLE 'practitioner_texts_config'(k PRIMARY KEY, v) WITHOUT ROWID;

CREATE TABLE 'practitioner_texts_content'(id INTEGER PRIMARY KEY, c0, c1);

CREATE TABLE 'practitioner_texts_data'(id INTEGER PRIMARY KEY, block BLOB);

CREATE TABLE 'practitioner_texts_docsize'(id INTEGER PRIMARY KEY, sz BLOB);

CREATE TABLE 'practitioner_texts_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;

CREATE INDEX practitioners_by_cell ON practitioners (verification, is_listed, cell);

CREATE INDEX practitioners_by_score ON practitioners (verification, is_listed, score, id);

CREATE INDEX practitioners_changed ON practitioners (changed_at) WHERE changed_at IS NOT NULL;

CREATE INDEX practitioners_to_verify ON practitioners (verification, updated_at) WHERE verification = 'pending';

CREATE TABLE practitioners (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  headline TEXT NOT NULL DEFAULT '',
  bio TEXT NOT NULL DEFAULT '',
  specializations JSON NOT NULL DEFAULT '[]',
  languages JSON NOT NULL DEFAULT '[]',
  city TEXT NOT NULL DEFAULT '',
  country TEXT NOT NULL DEFAULT '',
  coarse_lat REAL,
  coarse_lng REAL,
  cell INTEGER,
  time_zone TEXT NOT NULL,
  currency TEXT NOT NULL DEFAULT 'EUR',
  verification TEXT NOT NULL DEFAULT 'unverified'
    CHECK (verification IN ('unverified', 'pending', 'verified', 'rejected')),
  is_listed INTEGER NOT NULL DEFAULT 1 CHECK (is_listed IN (0, 1)),
  needs_confirmation INTEGER NOT NULL DEFAULT 1 CHECK (needs_confirmation IN (0, 1)),
  notice_minutes INTEGER NOT NULL DEFAULT 120,
  horizon_days INTEGER NOT NULL DEFAULT 90,
  cancellation_hours INTEGER NOT NULL DEFAULT 24,
  photo_id TEXT,
  min_price INTEGER,
  rating_sum INTEGER NOT NULL DEFAULT 0,
  rating_count INTEGER NOT NULL DEFAULT 0,
  score REAL GENERATED ALWAYS AS ((rating_sum + 20.0) / (rating_count + 5)) VIRTUAL,
  booking_count INTEGER NOT NULL DEFAULT 0,
  calendar_version INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
, changed_at TEXT);

CREATE INDEX refresh_tokens_by_user ON refresh_tokens (user_id, network);

CREATE INDEX refresh_tokens_ended ON refresh_tokens (ended_at);

CREATE INDEX refresh_tokens_expires ON refresh_tokens (expires_at);

CREATE TABLE refresh_tokens (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  counter INTEGER NOT NULL,
  rotated_at REAL NOT NULL,
  used_at REAL,
  client TEXT NOT NULL,
  network TEXT NOT NULL,
  created_at TEXT NOT NULL,
  last_used_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  ended_at TEXT,
  ended_by TEXT
);

CREATE INDEX reminder_mails_by_time ON reminder_mails (created_at);

CREATE INDEX reminder_mails_due ON reminder_mails (due_at) WHERE due_at IS NOT NULL;

CREATE TABLE reminder_mails (
  appointment_id TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
  side TEXT NOT NULL CHECK (side IN ('customer', 'practitioner')),
  attempts INTEGER NOT NULL DEFAULT 0,
  due_at TEXT,
  created_at TEXT NOT NULL,
  PRIMARY KEY (appointment_id, side)
);

CREATE INDEX reminders_due ON reminders (due_at);

CREATE TABLE reminders (
  appointment_id TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('day', 'hour')),
  due_at TEXT NOT NULL,
  sent_at TEXT,
  PRIMARY KEY (appointment_id, kind)
);

CREATE INDEX reports_decided ON reports (decided_at);

CREATE INDEX reports_open ON reports (created_at, id) WHERE state = 'open';

CREATE TABLE reports (
  id TEXT PRIMARY KEY,
  reporter_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  target_kind TEXT NOT NULL CHECK (target_kind IN ('review', 'message', 'practitioner', 'user')),
  target_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'upheld', 'dismissed')),
  decided_by TEXT,
  decided_at TEXT,
  created_at TEXT NOT NULL,
  UNIQUE (reporter_id, target_kind, target_id)
);

CREATE INDEX reviews_by_author ON reviews (author_id);

CREATE INDEX reviews_by_practitioner ON reviews (practitioner_id);

CREATE INDEX reviews_of_practitioner ON reviews (practitioner_id, created_at, id) WHERE state = 'published';

CREATE TABLE reviews (
  id TEXT PRIMARY KEY,
  appointment_id TEXT NOT NULL UNIQUE REFERENCES appointments (id) ON DELETE CASCADE,
  practitioner_id TEXT NOT NULL REFERENCES practitioners (id) ON DELETE CASCADE,
  author_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  author_name TEXT NOT NULL,
  rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
  body TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL DEFAULT 'published' CHECK (state IN ('published', 'withdrawn', 'hidden')),
  reply TEXT,
  replied_at TEXT,
  allowed INTEGER NOT NULL DEFAULT 1 CONSTRAINT review_not_allowed CHECK (allowed = 1),
  created_at TEXT NOT NULL,
  edited_at TEXT
);

CREATE INDEX services_by_practitioner ON services (practitioner_id, is_active);

CREATE TABLE services (
  id TEXT PRIMARY KEY,
  practitioner_id TEXT NOT NULL REFERENCES practitioners (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  description TEXT NOT NULL DEFAULT '',
  minutes INTEGER NOT NULL CHECK (minutes BETWEEN 5 AND 1440),
  increment_minutes INTEGER NOT NULL DEFAULT 15 CHECK (increment_minutes BETWEEN 5 AND 1440),
  buffer_before_minutes INTEGER NOT NULL DEFAULT 0 CHECK (buffer_before_minutes BETWEEN 0 AND 480),
  buffer_after_minutes INTEGER NOT NULL DEFAULT 0 CHECK (buffer_after_minutes BETWEEN 0 AND 480),
  price INTEGER NOT NULL CHECK (price BETWEEN 0 AND 1000000000),
  currency TEXT NOT NULL,
  is_active INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  CHECK (minutes + buffer_before_minutes + buffer_after_minutes <= 1440)
);

CREATE TABLE sqlite_sequence(name,seq);

CREATE INDEX tickets_expires ON tickets (expires_at);

CREATE TABLE tickets (
  id TEXT PRIMARY KEY,
  actor TEXT NOT NULL,
  role INTEGER NOT NULL,
  subjects TEXT,
  daily_calls INTEGER,
  ends_at REAL,
  fingerprint TEXT,
  expires_at TEXT NOT NULL,
  created_at TEXT DEFAULT CURRENT_TIMESTAMP
, target TEXT, resumes_until TEXT, updated_at TEXT);

CREATE INDEX time_off_by_practitioner ON time_off (practitioner_id, ends_at);

CREATE TABLE time_off (
  id TEXT PRIMARY KEY,
  practitioner_id TEXT NOT NULL REFERENCES practitioners (id) ON DELETE CASCADE,
  starts_at TEXT NOT NULL,
  ends_at TEXT NOT NULL,
  first_day TEXT,
  end_day TEXT,
  reason TEXT NOT NULL DEFAULT '',
  created_at TEXT NOT NULL,
  CHECK (starts_at < ends_at),
  CHECK ((first_day IS NULL) = (end_day IS NULL))
);

CREATE INDEX uploads_of_user ON uploads (user_id, created_at);

CREATE TABLE uploads (
  id TEXT PRIMARY KEY,
  user_id TEXT REFERENCES users (id) ON DELETE SET NULL,
  content_type TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  width INTEGER NOT NULL,
  height INTEGER NOT NULL,
  is_published INTEGER NOT NULL DEFAULT 0 CHECK (is_published IN (0, 1)),
  created_at TEXT NOT NULL
);

CREATE TABLE user_passwords (
  user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
  hash TEXT NOT NULL,
  changed_at TEXT NOT NULL
);

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL UNIQUE,
  confirmed_at TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
, user_type TEXT NOT NULL DEFAULT 'customer' CHECK (user_type IN ('customer', 'healer')), name TEXT NOT NULL DEFAULT '');

CREATE INDEX working_hours_by_practitioner ON working_hours (practitioner_id, weekday);

CREATE TABLE working_hours (
  id TEXT PRIMARY KEY,
  practitioner_id TEXT NOT NULL REFERENCES practitioners (id) ON DELETE CASCADE,
  weekday INTEGER NOT NULL CHECK (weekday BETWEEN 0 AND 6),
  starts_minute INTEGER NOT NULL CHECK (starts_minute BETWEEN 0 AND 1439),
  ends_minute INTEGER NOT NULL CHECK (ends_minute BETWEEN 1 AND 2880),
  is_break INTEGER NOT NULL DEFAULT 0 CHECK (is_break IN (0, 1)),
  CHECK (starts_minute < ends_minute)
);

