"""The default Worker's entry, and the classes that its bindings name."""

from core_tessie.app import app
from edge.runtimes.workers.entry import worker
from edge.runtimes.workers.event_log import event_log
from edge.runtimes.workers.quotas import QuotaCounter
from edge.runtimes.workers.throttle import CallThrottle
from edge.runtimes.workers.workflow import workflow

Default = worker(app)
EventLog = event_log(app)
SyncWorkflow = workflow(app, "SYNC_WORKFLOW")

__all__ = ["CallThrottle", "Default", "EventLog", "QuotaCounter", "SyncWorkflow"]
