"""`python -m sims.model`: a simulated model for the agent, for use without a real one."""

from sims.model.server import ModelSim
from sims.server import arguments, serve


def main() -> None:
    """Print the address to stdout; serve until interrupted or, with `--until-eof`, until stdin ends."""
    options = arguments("sims.model", __doc__).parse_args()
    sim = ModelSim(options.port)
    serve(options, sim, lambda: {"url": sim.url, "LOCAL_AI_URL": sim.openai_url, "LOCAL_AI_KEY": sim.key})


if __name__ == "__main__":
    main()
