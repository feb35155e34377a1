"""The Workers runtime: translates between Cloudflare's JavaScript and the kernel, and imports both."""

from edge.runtimes.workers.entry import worker

__all__ = ["worker"]
