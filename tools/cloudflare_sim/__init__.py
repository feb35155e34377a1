"""Stand-ins for what of Cloudflare is reached over HTTP: Analytics Engine, Turnstile, KV and D1 as wrangler does."""

from cloudflare_sim.analytics import ACCOUNT, TOKEN, AnalyticsSim
from cloudflare_sim.storage import StorageSim
from cloudflare_sim.turnstile import TurnstileSim

__all__ = ["ACCOUNT", "TOKEN", "AnalyticsSim", "StorageSim", "TurnstileSim"]
