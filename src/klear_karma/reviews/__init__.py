"""Reviews: one per completed appointment; the practitioner's rating and count are always consistent with them."""
