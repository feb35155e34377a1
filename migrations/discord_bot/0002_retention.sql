-- What removing old rows needs.
CREATE INDEX notices_by_end ON notices (until);
CREATE INDEX leases_by_end ON leases (until);
