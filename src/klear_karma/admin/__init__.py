"""Administration: decisions about reports and bookings, each of them noted."""
