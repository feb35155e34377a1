"""Faults of a model as problems for the caller."""

from edge.errors import BadGateway, BadRequest, GatewayTimeout, NotConfigured, NotFound, Problem
from edge.ports.model import ModelBusy, ModelError, ModelRefused, ModelTimeout


class ModelNotConfigured(NotConfigured):
    """No model is bound."""

    title = "No model is bound"

    def __init__(self, binding: str = "WORKERS_AI") -> None:
        super().__init__(
            binding,
            "is not bound; on your own machine set LOCAL_AI_URL to the base address, with /v1, of any server "
            "that speaks OpenAI's chat completions (and LOCAL_AI_KEY if it needs one)",
        )


class ModelNotFound(NotFound):
    """No such model."""

    title = "No such model"


class ModelOverloaded(Problem):
    """The model has no capacity now."""

    title = "The model has no capacity now"
    status = 429


class PromptRefused(BadRequest):
    """The model refuses this prompt."""

    title = "The model refuses this prompt"


class ModelBroke(BadGateway):
    """The model failed."""

    title = "The model failed"


class ModelSlow(GatewayTimeout):
    """The model did not answer in time."""

    title = "The model did not answer in time"


def problem_of(fault: ModelError) -> Problem:
    """Return a model's fault as a problem: one that only the owner can mend, such as a wrong key, is 502."""
    text = str(fault)
    if isinstance(fault, ModelBusy):
        after = [("retry-after", str(int(fault.retry_after or 1)))]
        return ModelOverloaded(text, headers=after)
    if isinstance(fault, ModelTimeout):
        return ModelSlow(text)
    if isinstance(fault, ModelRefused) and fault.status not in {401, 403}:
        return ModelNotFound(text) if fault.status == 404 else PromptRefused(text)
    return ModelBroke(text)
