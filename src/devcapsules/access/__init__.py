"""Callers of this Worker: users, widget keys and page tokens; plans and their limits."""
