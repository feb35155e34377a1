"""The default Worker's entry."""

from core_tessie.app import app
from edge.runtimes.workers import worker

Default = worker(app)
