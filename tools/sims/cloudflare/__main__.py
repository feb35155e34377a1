"""`python -m sims.cloudflare`: a stand-in account that wrangler deploys to; the first line tells how to reach it.

`environment` are the variables for wrangler; what is deployed answers below `url` and its own name.
"""

import json
import os
import sys

from sims.cloudflare.storage import StorageSim
from stand_in import arguments, wait


def main() -> int:
    """Serve until stdin ends, or an interrupt."""
    parser = arguments("sims.cloudflare", __doc__)
    parser.add_argument("--database", action="append", default=[], help="a D1 database that the account has")
    parser.add_argument("--queue", action="append", default=[], help="a queue that the account has")
    parser.add_argument("--secret", action="append", default=[], metavar="WORKER:NAME", help="a secret that is set")
    given = parser.parse_args()
    with StorageSim(given.port) as sim:
        for name in given.database:
            sim.add_database(name)
        sim.queues.all.update({name: [] for name in given.queue})
        for text in given.secret:
            worker, _, name = text.partition(":")
            sim.add_secret(worker, name)
        print(json.dumps({"environment": sim.environment, "url": f"{sim.url}/deployed"}), flush=True)
        try:
            wait(given)
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.stdout.flush()
    os.umask(0o077)
    sys.exit(main())
