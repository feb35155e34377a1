"""A stand-in for a model's server: OpenAI's chat completions and embeddings, and Workers AI in each of its shapes."""

from sims.model.embeddings import EMBEDDER
from sims.model.server import KEY, MODEL, ModelSim
from sims.model.turns import Shape, Turn

__all__ = ["EMBEDDER", "KEY", "MODEL", "ModelSim", "Shape", "Turn"]
