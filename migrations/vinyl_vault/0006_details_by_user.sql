-- Users take turns: the first record that is due of the next user.
CREATE INDEX details_due_by_user ON details_due (user_id, due_at);
