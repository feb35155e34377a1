"""The parts that bookings, messages and reviews consist of: their providers and resources."""

from edge.injection import event
from klear_karma.booking import jobs as booking_jobs
from klear_karma.booking import routes as booking
from klear_karma.booking.news import AppointmentNews
from klear_karma.booking.store import Bookings
from klear_karma.notifications import routes as notifications

PROVIDERS = [event(Bookings), event(AppointmentNews)]
RESOURCES = [booking.routes, booking_jobs.routes, notifications.routes]
