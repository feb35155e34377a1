"""Simulated services: each is a real server in place of one that cannot be reached here."""
