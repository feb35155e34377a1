"""Providers and resources of bookings, messages and reviews."""

from edge.auth.audit import audit_routes
from edge.injection import event
from klear_karma.admin import routes as admin
from klear_karma.analytics import routes as analytics
from klear_karma.analytics.points import Usage
from klear_karma.booking import jobs as booking_jobs
from klear_karma.booking import routes as booking
from klear_karma.booking.news import AppointmentNews
from klear_karma.booking.store import Bookings
from klear_karma.messages import routes as messages
from klear_karma.messages.routes import MessageNews
from klear_karma.messages.store import MessageStore
from klear_karma.notifications import routes as notifications
from klear_karma.reminders import jobs as reminder_jobs
from klear_karma.reminders.mails import ReminderMails
from klear_karma.reviews import routes as reviews
from klear_karma.reviews.store import ReviewStore
from klear_karma.safety import blocks, reports
from klear_karma.safety.reports import ReportStore

STORES = (Bookings, MessageStore, ReviewStore, ReportStore)
PROVIDERS = [event(make) for make in (*STORES, AppointmentNews, MessageNews, ReminderMails, Usage)]
RESOURCES = [
    booking.routes,
    booking_jobs.routes,
    reminder_jobs.routes,
    notifications.routes,
    messages.routes,
    messages.conversations,
    reviews.routes,
    reviews.public,
    blocks.routes,
    reports.routes,
    admin.routes,
    audit_routes("/api/admin/audit"),
    analytics.routes,
]
