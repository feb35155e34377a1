"""`python -m sims.discogs`: a simulated Discogs for the record shelf, for use without a key."""

from sims.discogs.server import DiscogsSim
from sims.server import arguments, serve


def main() -> None:
    """Print the address on stdout, and serve until interrupted or, with `--until-eof`, until stdin ends."""
    options = arguments("sims.discogs", __doc__).parse_args()
    sim = DiscogsSim(options.port)
    serve(
        options,
        sim,
        lambda: {"url": sim.url, "DISCOGS_API_URL": sim.url, "DISCOGS_KEY": sim.key, "DISCOGS_SECRET": sim.secret},
    )


if __name__ == "__main__":
    main()
