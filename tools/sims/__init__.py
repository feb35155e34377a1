"""Simulated services: each is a real server that stands in for one that cannot be reached here."""
