"""The Worker's entry."""

from edge.runtimes.workers import worker
from platform_api.app import app

Default = worker(app)
