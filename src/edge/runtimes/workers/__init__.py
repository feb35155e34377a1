"""The Workers runtime: translates between Cloudflare's JavaScript and the kernel, and imports both."""

from edge.runtimes.workers.entry import worker
from edge.runtimes.workers.event_log import event_log
from edge.runtimes.workers.quotas import QuotaCounter
from edge.runtimes.workers.throttle import CallThrottle
from edge.runtimes.workers.workflow import workflow

__all__ = ["CallThrottle", "QuotaCounter", "event_log", "worker", "workflow"]
