"""Practitioners: profiles, services, working hours and time off, and how they are verified."""
