"""Energy reports: periods, sums, formulas and their rendering."""
