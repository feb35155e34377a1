"""Pictures of others: known by their content, bounded, and without what their makers' devices wrote into them."""
