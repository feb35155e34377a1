"""Learners' progress, teams that share capsules, and reports of public ones."""
