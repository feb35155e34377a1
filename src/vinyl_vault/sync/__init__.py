"""Offline-first sync: what a push becomes, and how it is written."""
