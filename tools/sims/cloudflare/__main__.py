"""`python -m sims.cloudflare`: Analytics Engine, Turnstile, KV and D1 over HTTP, until told to end."""

from sims.cloudflare import ACCOUNT, TOKEN, AnalyticsSim, StorageSim, TurnstileSim
from sims.server import announce, arguments


def main() -> None:
    """Say where on stdout, and serve until interrupted or, with `--until-eof`, until stdin ends."""
    given = arguments("sims.cloudflare", __doc__).parse_args()
    with AnalyticsSim(given.port) as analytics, TurnstileSim() as turnstile, StorageSim() as storage:
        about = {
            "url": analytics.url,
            "account": ACCOUNT,
            "analytics": {"url": analytics.api_url, "token": TOKEN},
            "turnstile": {"url": turnstile.url, "secret": turnstile.secret},
            "storage": storage.environment,
        }
        announce(given, about)


if __name__ == "__main__":
    main()
