"""Capsules: exercises with immutable versions, forks, hints and solutions; search, import and export."""
