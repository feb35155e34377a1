"""The Worker's entry point."""

from edge.runtimes.workers.entry import worker
from edge.runtimes.workers.throttle import CallThrottle
from vinyl_vault.app import app

Default = worker(app)

__all__ = ["CallThrottle", "Default"]
