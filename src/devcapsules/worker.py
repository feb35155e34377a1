"""The Worker's entry point."""

from devcapsules.app import app
from edge.ports.executor import Executor
from edge.runtimes.workers import QuotaCounter, worker
from edge.runtimes.workers.loader import DynamicWorkers

Default = worker(app, {Executor: DynamicWorkers})

__all__ = ["Default", "QuotaCounter"]
