"""The Worker's entry point."""

from devcapsules.app import app
from edge.ports.executor import Executor
from edge.runtimes.workers.entry import worker
from edge.runtimes.workers.loader import DynamicWorkers
from edge.runtimes.workers.quotas import QuotaCounter

Default = worker(app, {Executor: DynamicWorkers})

__all__ = ["Default", "QuotaCounter"]
