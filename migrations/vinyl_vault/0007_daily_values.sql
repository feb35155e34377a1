-- What a user's records were worth on a day, for each currency, and how many of them had a price.
CREATE TABLE daily_values (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  day TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount INTEGER NOT NULL,
  records INTEGER NOT NULL,
  PRIMARY KEY (user_id, day, currency)
);
