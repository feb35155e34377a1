"""`python -m sims.cloudflare`: a stand-in account that wrangler deploys to; the first line has its address.

`environment` are the variables for wrangler; a deployed Worker answers below `url` and its own name. Analytics Engine
and Turnstile run beside it.
"""

import os

from sims.cloudflare import ACCOUNT, TOKEN, AnalyticsSim, StorageSim, TurnstileSim
from sims.server import announce, arguments


def main() -> None:
    """Print the address to stdout; serve until interrupted or, with `--until-eof`, until stdin ends."""
    parser = arguments("sims.cloudflare", __doc__)
    parser.add_argument("--database", action="append", default=[], help="a D1 database that the account has")
    parser.add_argument("--queue", action="append", default=[], help="a queue that the account has")
    parser.add_argument("--secret", action="append", default=[], metavar="WORKER:NAME", help="a secret that is set")
    options = parser.parse_args()
    with StorageSim(options.port) as sim, AnalyticsSim() as analytics, TurnstileSim() as turnstile:
        for name in options.database:
            sim.add_database(name)
        sim.queues.all.update({name: [] for name in options.queue})
        for text in options.secret:
            worker, _, name = text.partition(":")
            sim.add_secret(worker, name)
        about = {
            "environment": sim.environment,
            "url": f"{sim.url}/deployed",
            "account": ACCOUNT,
            "analytics": {"url": analytics.api_url, "token": TOKEN},
            "turnstile": {"url": turnstile.url, "secret": turnstile.secret},
        }
        announce(options, about)


if __name__ == "__main__":
    os.umask(0o077)
    main()
