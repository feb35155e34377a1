"""Stand-ins for what of Cloudflare is reached over HTTP: Analytics Engine, Turnstile, KV and D1 as wrangler does."""

from sims.cloudflare.analytics import ACCOUNT, TOKEN, AnalyticsSim
from sims.cloudflare.storage import StorageSim
from sims.cloudflare.turnstile import TurnstileSim

__all__ = ["ACCOUNT", "TOKEN", "AnalyticsSim", "StorageSim", "TurnstileSim"]
