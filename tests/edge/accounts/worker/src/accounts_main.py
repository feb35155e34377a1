"""The app's Worker."""

from tests.edge.accounts.site.app import app

from edge.runtimes.workers import event_log, worker

Default = worker(app)
EventLog = event_log(app)

__all__ = ["Default", "EventLog"]
