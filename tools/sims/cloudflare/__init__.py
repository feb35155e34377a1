"""Stand-ins for Cloudflare's HTTP services: Analytics Engine, Turnstile, KV and D1 as wrangler calls them."""

from sims.cloudflare.analytics import ACCOUNT, TOKEN, AnalyticsSim
from sims.cloudflare.storage import StorageSim
from sims.cloudflare.turnstile import TurnstileSim

__all__ = ["ACCOUNT", "TOKEN", "AnalyticsSim", "StorageSim", "TurnstileSim"]
