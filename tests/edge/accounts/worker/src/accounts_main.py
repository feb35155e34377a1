"""The app's Worker."""

from tests.edge.accounts.site.app import app

from edge.runtimes.workers.entry import worker
from edge.runtimes.workers.event_log import event_log

Default = worker(app)
EventLog = event_log(app)

__all__ = ["Default", "EventLog"]
