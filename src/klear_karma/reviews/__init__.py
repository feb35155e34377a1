"""Reviews: one for a completed appointment, with a practitioner's rating and count that are always right."""
