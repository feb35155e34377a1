-- Whether a customer has few enough open requests, as the booking's own statement found.
ALTER TABLE appointments ADD COLUMN few INTEGER NOT NULL DEFAULT 1 CONSTRAINT too_many_requested CHECK (few = 1);
