-- A fork refers to the author that it names, so that the name goes with the account. forked_author is no longer written.
ALTER TABLE capsules ADD COLUMN forked_author_id TEXT REFERENCES users (id) ON DELETE SET NULL;

UPDATE capsules SET forked_author_id = (SELECT owner_id FROM capsules AS o WHERE o.id = capsules.forked_from)
  WHERE forked_from IS NOT NULL;
UPDATE capsules SET forked_author = NULL WHERE forked_author IS NOT NULL;

CREATE INDEX capsules_by_forked_author ON capsules (forked_author_id);

-- Events name no learner: nothing reads who sent them.
UPDATE analytics_events SET learner = '' WHERE learner <> '';

-- Nothing else refers to accounts that are gone.
UPDATE reports SET reporter = 'deleted ' || id WHERE reporter NOT IN (SELECT id FROM users);
DELETE FROM progress WHERE learner LIKE 'key %'
  AND substr(learner, 5, instr(substr(learner, 5), ' ') - 1) NOT IN (SELECT id FROM users);
