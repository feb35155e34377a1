"""`python -m sims.judge0`: Judge0's API over the sandbox of this machine."""

from sims.judge0 import Judge0Sim
from sims.server import arguments, serve

if __name__ == "__main__":
    options = arguments("sims.judge0", __doc__).parse_args()
    sim = Judge0Sim(options.port)
    serve(options, sim, lambda: {"url": sim.url})
