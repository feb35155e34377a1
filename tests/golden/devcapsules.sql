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

CREATE INDEX analytics_events_by_capsule ON analytics_events (capsule_id, day, kind, outcome);

CREATE INDEX analytics_events_created ON analytics_events (created_at);

CREATE TABLE analytics_events (
  id TEXT PRIMARY KEY,
  capsule_id TEXT NOT NULL REFERENCES capsules (id) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('view', 'attempt', 'completion')),
  outcome TEXT NOT NULL DEFAULT '',
  learner TEXT NOT NULL DEFAULT '',
  day TEXT NOT NULL,
  created_at TEXT NOT NULL
);

CREATE INDEX api_keys_by_user ON api_keys (user_id, created_at);

CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  prefix TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  origins TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(origins)),
  created_at TEXT NOT NULL,
  expires_at TEXT,
  revoked_at TEXT,
  last_used_at TEXT
);

CREATE INDEX auth_attempts_seen ON auth_attempts (seen_at);

CREATE TABLE auth_attempts (
  key TEXT PRIMARY KEY,
  failures INTEGER NOT NULL,
  free_at REAL NOT NULL,
  seen_at REAL NOT NULL
);

CREATE TABLE capsule_answers (
  capsule_id TEXT NOT NULL REFERENCES capsules (id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  solution TEXT NOT NULL,
  tests TEXT NOT NULL CHECK (json_valid(tests)),
  hints TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(hints)),
  PRIMARY KEY (capsule_id, version)
);

CREATE TABLE capsule_versions (
  capsule_id TEXT NOT NULL REFERENCES capsules (id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  title TEXT NOT NULL,
  statement TEXT NOT NULL,
  starter TEXT NOT NULL,
  function_name TEXT NOT NULL,
  examples TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(examples)),
  hints INTEGER NOT NULL DEFAULT 0,
  hidden_tests INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL,
  PRIMARY KEY (capsule_id, version)
);

CREATE INDEX capsules_by_forked_author ON capsules (forked_author_id);

CREATE INDEX capsules_by_owner ON capsules (owner_id, created_at, id);

CREATE INDEX capsules_by_visibility ON capsules (visibility, created_at, id);

CREATE TABLE capsules (
  id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  title TEXT NOT NULL,
  language TEXT NOT NULL,
  difficulty TEXT NOT NULL CHECK (difficulty IN ('easy', 'medium', 'hard')),
  visibility TEXT NOT NULL DEFAULT 'private' CHECK (visibility IN ('private', 'unlisted', 'public')),
  tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
  search_text TEXT NOT NULL DEFAULT '',
  time_limit_ms INTEGER NOT NULL DEFAULT 2000 CHECK (time_limit_ms BETWEEN 100 AND 10000),
  solution_after INTEGER NOT NULL DEFAULT 3 CHECK (solution_after BETWEEN 0 AND 100),
  version INTEGER NOT NULL DEFAULT 1,
  score INTEGER CHECK (score BETWEEN 0 AND 100),
  forked_from TEXT,
  forked_author TEXT,
  job_id TEXT UNIQUE,
  taken_down_at TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
, forked_author_id TEXT REFERENCES users (id) ON DELETE SET NULL);

CREATE INDEX executions_by_capsule ON executions (capsule_id);

CREATE INDEX executions_by_user ON executions (user_id, created_at);

CREATE INDEX executions_created ON executions (created_at);

CREATE TABLE executions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  capsule_id TEXT REFERENCES capsules (id) ON DELETE SET NULL,
  language TEXT NOT NULL,
  status TEXT NOT NULL,
  time_ms REAL,
  memory_kb INTEGER,
  created_at TEXT NOT NULL
);

CREATE INDEX generation_jobs_by_state ON generation_jobs (state, created_at);

CREATE INDEX generation_jobs_by_user ON generation_jobs (user_id, created_at, id);

CREATE INDEX generation_jobs_finished ON generation_jobs (finished_at);

CREATE TABLE generation_jobs (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  prompt TEXT NOT NULL,
  language TEXT NOT NULL,
  difficulty TEXT NOT NULL,
  state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'succeeded', 'failed', 'dead')),
  reason TEXT,
  step TEXT NOT NULL DEFAULT '',
  rounds INTEGER NOT NULL DEFAULT 0,
  tokens INTEGER NOT NULL DEFAULT 0,
  faults TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(faults)),
  score INTEGER,
  parts TEXT CHECK (parts IS NULL OR json_valid(parts)),
  capsule_id TEXT,
  lease TEXT,
  lease_until REAL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  finished_at TEXT
);

CREATE INDEX progress_by_capsule ON progress (capsule_id);

CREATE INDEX progress_by_user ON progress (user_id, updated_at);

CREATE INDEX progress_updated ON progress (updated_at);

CREATE TABLE progress (
  learner TEXT NOT NULL,
  capsule_id TEXT NOT NULL REFERENCES capsules (id) ON DELETE CASCADE,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
  attempts INTEGER NOT NULL DEFAULT 0,
  hints INTEGER NOT NULL DEFAULT 0,
  passed INTEGER NOT NULL DEFAULT 0,
  total INTEGER NOT NULL DEFAULT 0,
  solved_at TEXT,
  updated_at TEXT NOT NULL,
  PRIMARY KEY (learner, capsule_id)
);

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

CREATE INDEX reports_by_state ON reports (state, created_at);

CREATE INDEX reports_decided ON reports (decided_at);

CREATE TABLE reports (
  id TEXT PRIMARY KEY,
  capsule_id TEXT NOT NULL REFERENCES capsules (id) ON DELETE CASCADE,
  reporter TEXT NOT NULL,
  reason TEXT NOT NULL CHECK (reason IN ('wrong', 'offensive', 'copied', 'malicious', 'other')),
  detail TEXT NOT NULL DEFAULT '',
  state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'dismissed', 'taken_down')),
  decided_at TEXT,
  created_at TEXT NOT NULL,
  UNIQUE (capsule_id, reporter)
);

CREATE TABLE sqlite_sequence(name,seq);

CREATE INDEX team_capsules_by_capsule ON team_capsules (capsule_id);

CREATE TABLE team_capsules (
  team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  capsule_id TEXT NOT NULL REFERENCES capsules (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  PRIMARY KEY (team_id, capsule_id)
);

CREATE INDEX team_members_by_user ON team_members (user_id, team_id);

CREATE TABLE team_members (
  team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL,
  PRIMARY KEY (team_id, user_id)
);

CREATE INDEX teams_by_owner ON teams (owner_id);

CREATE TABLE teams (
  id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  created_at TEXT NOT NULL
);

CREATE INDEX usage_daily_by_day ON usage_daily (day);

CREATE TABLE usage_daily (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  day TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('generation', 'execution')),
  used INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (user_id, day, kind)
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
  updated_at TEXT NOT NULL,
  name TEXT NOT NULL DEFAULT '',
  plan TEXT NOT NULL DEFAULT 'free' CHECK (plan IN ('free', 'creator', 'team', 'enterprise'))
);

