"""Stand-ins for what of Cloudflare is reached over HTTP: Analytics Engine, and KV and D1 as wrangler reaches them."""

from cloudflare_sim.analytics import ACCOUNT, TOKEN, AnalyticsSim
from cloudflare_sim.storage import StorageSim

__all__ = ["ACCOUNT", "TOKEN", "AnalyticsSim", "StorageSim"]
