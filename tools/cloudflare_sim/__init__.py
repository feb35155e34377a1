"""A stand-in for what of Cloudflare is reached over HTTP: Analytics Engine so far, as documented."""

from cloudflare_sim.analytics import ACCOUNT, TOKEN, AnalyticsSim

__all__ = ["ACCOUNT", "TOKEN", "AnalyticsSim"]
