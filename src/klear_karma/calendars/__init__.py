"""Calendars: iCalendar feeds of both sides of a booking, by secret links."""
