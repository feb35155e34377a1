"""`python -m sims.model`: a model to try the agent with, where there is no other."""

from sims.model.server import ModelSim
from sims.server import arguments, serve


def main() -> None:
    """Say where on stdout, and serve until interrupted or, with `--until-eof`, until stdin ends."""
    options = arguments("sims.model", __doc__).parse_args()
    sim = ModelSim(options.port)
    serve(options, sim, lambda: {"url": sim.url, "LOCAL_AI_URL": sim.openai_url, "LOCAL_AI_KEY": sim.key})


if __name__ == "__main__":
    main()
