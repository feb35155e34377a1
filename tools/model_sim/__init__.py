"""A stand-in for a language model's server: OpenAI's chat completions, and Workers AI in each of its shapes."""

from model_sim.server import KEY, MODEL, ModelSim
from model_sim.turns import Shape, Turn

__all__ = ["KEY", "MODEL", "ModelSim", "Shape", "Turn"]
