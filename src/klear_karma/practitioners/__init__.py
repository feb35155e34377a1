"""Practitioners: profiles, services, working hours, time off and verification."""
