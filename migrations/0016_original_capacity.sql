-- What a battery had when new and how much of it is gone, as Tessie's list of all batteries gives it.
ALTER TABLE vehicles ADD COLUMN original_capacity_kwh REAL;
ALTER TABLE vehicles ADD COLUMN degradation_pct REAL;
