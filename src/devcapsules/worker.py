"""The Worker's entry."""

from devcapsules.app import app
from edge.runtimes.workers import QuotaCounter, worker

Default = worker(app)

__all__ = ["Default", "QuotaCounter"]
