"""Actions: requested, queued and carried out once."""
