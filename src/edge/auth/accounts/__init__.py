"""Accounts of users: registration, log-in, sessions, passwords, e-mail changes, resets and deletion."""
