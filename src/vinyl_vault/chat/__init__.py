"""A chat about one's own collection, by a model that looks things up in the caller's rows and nowhere else."""
