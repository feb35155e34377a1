"""pyedge: Cloudflare Python Workers in real workerd with real Pyodide, from npm and PyPI packages alone."""

from pyedge.client import Also, ControlError, StartError, Worker
from pyedge.config import ConfigError

__all__ = ["Also", "ConfigError", "ControlError", "StartError", "Worker"]
