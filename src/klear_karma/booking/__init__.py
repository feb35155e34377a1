"""Bookings: each slot is booked once, and a state machine governs all later changes."""
