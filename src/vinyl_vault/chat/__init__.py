"""A chat about one's own collection; the model can look up only the caller's rows."""
