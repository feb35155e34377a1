"""A stand-in for Judge0 CE: submissions over the sandbox of this machine, with its limits and errors."""

from sims.judge0.server import Judge0Sim

__all__ = ["Judge0Sim"]
