"""A stand-in for Piston: its API, version 2, over the sandbox of this machine, with its limits and errors."""

from sims.piston.server import PistonSim

__all__ = ["PistonSim"]
