"""`python -m sims.piston`: Piston's API over the sandbox of this machine."""

from sims.piston import PistonSim
from sims.server import arguments, serve

if __name__ == "__main__":
    parser = arguments("sims.piston", __doc__)
    parser.add_argument("--output-bytes", type=int, default=64 * 1024, help="bytes of stdout and of stderr")
    options = parser.parse_args()
    sim = PistonSim(options.port, output_bytes=options.output_bytes)
    serve(options, sim, lambda: {"url": sim.api})
