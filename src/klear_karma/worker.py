"""The Worker's entry point, and the Durable Object class of its binding."""

from edge.runtimes.workers.entry import worker
from edge.runtimes.workers.event_log import event_log
from klear_karma.app import app

Default = worker(app)
EventLog = event_log(app)

__all__ = ["Default", "EventLog"]
