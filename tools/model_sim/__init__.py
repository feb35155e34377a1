"""A stand-in for a model's server: OpenAI's chat completions and embeddings, and Workers AI in each of its shapes."""

from model_sim.embeddings import EMBEDDER
from model_sim.server import KEY, MODEL, ModelSim
from model_sim.turns import Shape, Turn

__all__ = ["EMBEDDER", "KEY", "MODEL", "ModelSim", "Shape", "Turn"]
