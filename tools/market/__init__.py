"""A mock market of any size: the same seed and day give the same rows, and a smaller one is part of a larger."""
