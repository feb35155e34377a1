"""The simulator's HTTP routes, one module for each kind of data."""
