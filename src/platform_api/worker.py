"""The Worker's entry."""

from edge.runtimes.workers.entry import worker
from platform_api.app import app

Default = worker(app)
