"""Settings of the chat: any server with OpenAI's chat completions API; the default is Together."""

from typing import Annotated

from pydantic import Field

from edge import Secret, Settings
from edge.settings import BaseUrl

TOGETHER = "https://api.together.ai/v1"


class ChatSettings(Settings):
    """The model's server and name; `chat_daily_questions` is the limit per user and day (UTC)."""

    together_api_url: BaseUrl = TOGETHER
    together_api_key: Secret | None = None
    chat_model: str = "openai/gpt-oss-120b"
    chat_daily_questions: Annotated[int, Field(ge=0, le=10_000)] = 50
