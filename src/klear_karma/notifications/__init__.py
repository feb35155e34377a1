"""Notifications: rows for one user, written in the same batch as the change that they report."""
