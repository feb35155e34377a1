"""The Worker's entry point."""

from edge.runtimes.workers import CallThrottle, worker
from vinyl_vault.app import app

Default = worker(app)

__all__ = ["CallThrottle", "Default"]
