"""`python -m sims.discord`: a simulated Discord for a bot and webhooks, until it is ended."""

from sims.discord.server import DiscordSim
from sims.server import arguments, serve


def main() -> None:
    """Print the address to stdout; serve until interrupted or, with `--until-eof`, until stdin ends."""
    parser = arguments("sims.discord", __doc__)
    parser.add_argument("--interactions-url", help="address of the bot for POST /_sim/interactions")
    options = parser.parse_args()
    sim = DiscordSim(options.port, interactions_url=options.interactions_url)
    serve(options, sim, sim.about)


if __name__ == "__main__":
    main()
