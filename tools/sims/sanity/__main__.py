"""`python -m sims.sanity`: serve a project of Sanity until it is ended."""

from sims.sanity.server import SanitySim
from sims.server import arguments, serve

_SAID = ("url", "project_id", "dataset", "read_token", "write_token", "webhook_secret")


def main() -> None:
    """Print the address to stdout; serve until interrupted or, with `--until-eof`, until stdin ends."""
    options = arguments("sims.sanity", __doc__).parse_args()
    sim = SanitySim(options.port)
    serve(options, sim, lambda: {name: getattr(sim, name) for name in _SAID})


if __name__ == "__main__":
    main()
