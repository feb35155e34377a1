"""Offline-first sync: parsing, merging and writing of pushes."""
