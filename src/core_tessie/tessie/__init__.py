"""Tessie's API: its client, its mirror and its records."""
