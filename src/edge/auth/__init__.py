"""Callers: keys, tokens, tickets, signatures and limits."""
