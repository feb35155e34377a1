-- Of all callers that would ask Discogs the same, in any isolate, one does, `until` is the Unix second of its end.
CREATE TABLE leases (
  name TEXT NOT NULL PRIMARY KEY,
  until REAL NOT NULL
);

CREATE INDEX leases_by_end ON leases (until);
