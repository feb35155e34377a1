"""Administration: decisions about reports and bookings, each of them written to the audit log."""
