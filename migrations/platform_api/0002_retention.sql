-- What removing old rows needs.
CREATE INDEX submissions_by_status ON submissions (status, created_at);
CREATE INDEX leases_by_end ON leases (until);
