"""Rows that know the caller."""
