"""Settings of the model that writes exercises, and the limits of a job."""

from typing import Annotated

from pydantic import Field

from edge import Secret, Settings
from edge.ports.model import Model
from edge.settings import BaseUrl
from edge.text import Matching


class GenerationSettings(Settings):
    """One model: Azure OpenAI if its URL is set, else any server with OpenAI's chat API, else Workers AI.

    `AZURE_OPENAI_URL` is `https://<resource>.openai.azure.com`. With `AZURE_OPENAI_API_VERSION` the dated API is
    called, otherwise `/openai/v1`; `GENERATION_MODEL` is the deployment. `GENERATION_MODEL_URL` ends with the version,
    such as `/v1`. Rounds, tokens and seconds are the limits of one job.
    """

    azure_openai_url: BaseUrl | None = None
    azure_openai_api_key: Secret | None = None
    azure_openai_api_version: Annotated[str, Matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?", "a date")] | None = None
    generation_model_url: BaseUrl | None = None
    generation_model_key: Secret | None = None
    generation_model: str = "@cf/openai/gpt-oss-120b"
    ai: Model | None = None
    generation_rounds: Annotated[int, Field(ge=1, le=10)] = 3
    generation_tokens: Annotated[int, Field(ge=1_000, le=1_000_000)] = 30_000
    generation_seconds: Annotated[int, Field(ge=5, le=800)] = 300
