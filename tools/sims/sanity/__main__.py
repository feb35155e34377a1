"""`python -m sims.sanity`: serve a project of Sanity until told to end."""

import json

from sims.sanity.server import SanitySim
from stand_in import arguments, wait

_SAID = ("url", "project_id", "dataset", "read_token", "write_token", "webhook_secret")


def main() -> None:
    """Say where on stdout, and serve until interrupted or, with `--until-eof`, until stdin ends."""
    given = arguments("sims.sanity", __doc__).parse_args()
    with SanitySim(given.port) as sim:
        print(json.dumps({name: getattr(sim, name) for name in _SAID}), flush=True)
        wait(given)


if __name__ == "__main__":
    main()
