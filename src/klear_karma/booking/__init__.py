"""Bookings: one of many askers gets a slot, and a state machine says what becomes of it."""
