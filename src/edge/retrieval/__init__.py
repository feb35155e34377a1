"""Passages of text, found by meaning or by keywords."""
