"""Wrangler's command, as npm has installed it, and the variables that keep it quiet."""

from pyedge.client import NODE_MODULES, node

OFFLINE = {
    "CI": "1",
    "NO_COLOR": "1",
    "WRANGLER_HIDE_BANNER": "true",
    "WRANGLER_SEND_METRICS": "false",
    "WRANGLER_SEND_ERROR_REPORTS": "false",
    "WRANGLER_WRITE_LOGS": "false",
}
"""Variables that keep wrangler from asking and from calling home."""


def wrangler(*words: str) -> list[str]:
    """Return a command of wrangler's, without its launcher; `StartError` without Node or its packages."""
    return [node(), "--no-warnings", str(NODE_MODULES / "wrangler" / "wrangler-dist" / "cli.js"), *words]
