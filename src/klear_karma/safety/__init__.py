"""Safety: users block each other, and report abuse."""
