"""Calendars: iCalendar feeds for both sides of a booking, read through secret links."""
