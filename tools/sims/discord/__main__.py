"""`python -m sims.discord`: a Discord to try a bot and webhooks with, until told to end."""

import json

from sims.discord.server import DiscordSim
from stand_in import arguments, wait


def main() -> None:
    """Say where on stdout, and serve until interrupted or, with `--until-eof`, until stdin ends."""
    parser = arguments("sims.discord", __doc__)
    parser.add_argument("--interactions-url", help="the bot that POST /_sim/interactions is for")
    given = parser.parse_args()
    with DiscordSim(given.port, interactions_url=given.interactions_url) as sim:
        print(json.dumps(sim.about()), flush=True)
        wait(given)


if __name__ == "__main__":
    main()
