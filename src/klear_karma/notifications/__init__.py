"""Notifications: rows for one user, written in the batch of what they tell."""
