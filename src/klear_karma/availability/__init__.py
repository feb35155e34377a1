"""Availability: free slots from working hours, time off, bookings and a service's terms."""
