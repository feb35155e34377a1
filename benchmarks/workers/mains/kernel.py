"""The small API in this kernel."""

from benchmarks.peers.kernel import app

from edge.runtimes.workers import worker

Default = worker(app)
