"""Generation: a model writes an exercise, and what it wrote is run before it is stored."""
