"""The small API in this kernel."""

from benchmarks.peers.kernel import app

from edge.runtimes.workers.entry import worker

Default = worker(app)
