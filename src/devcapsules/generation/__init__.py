"""Generation: a model writes an exercise, which is tested before it is stored."""
