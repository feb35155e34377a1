"""Outbound HTTP: retries, caching, leases, and one file for each vendor."""
