"""Live events: publishing, and responses that stream."""
