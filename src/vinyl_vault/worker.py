"""The Worker's entry."""

from edge.runtimes.workers import worker
from vinyl_vault.app import app

Default = worker(app)
