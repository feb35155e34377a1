"""Safety: people block each other, and report what should not be."""
