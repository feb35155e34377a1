"""Callers of this Worker: users, keys of widgets and tokens of their pages; plans and their limits."""
