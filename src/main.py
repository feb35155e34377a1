"""The default Worker's entry, and the classes that its bindings name."""

from core_tessie.app import app
from edge.runtimes.workers import CallThrottle, QuotaCounter, event_log, worker, workflow

Default = worker(app)
EventLog = event_log(app)
SyncWorkflow = workflow(app, "SYNC_WORKFLOW")

__all__ = ["CallThrottle", "Default", "EventLog", "QuotaCounter", "SyncWorkflow"]
