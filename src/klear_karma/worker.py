"""The Worker's entry point, and the Durable Object class of its binding."""

from edge.runtimes.workers import event_log, worker
from klear_karma.app import app

Default = worker(app)
EventLog = event_log(app)

__all__ = ["Default", "EventLog"]
