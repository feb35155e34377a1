-- Questions that a user asked in a day of UTC. Each is counted before the model is called.
CREATE TABLE chat_days (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  day TEXT NOT NULL,
  used INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (user_id, day)
);

CREATE INDEX chat_days_by_day ON chat_days (day);
