"""`python -m sims.model`: a model to try the agent with, where there is no other."""

import argparse
import threading

from sims.model.server import KEY, ModelSim


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="sims.model", description=__doc__)
    parser.add_argument("--port", type=int, default=8788)
    with ModelSim(parser.parse_args().port) as sim:
        print(f"LOCAL_AI_URL={sim.openai_url} LOCAL_AI_KEY={KEY}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
