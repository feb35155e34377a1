"""Everything that the default Worker is configured by."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from core_tessie import NAME
from core_tessie.tessie.car_commands import SAFE, allowed
from edge import Database, Queue, Secret
from edge.auth.callers import AccessSettings
from edge.data.retention import KeepDays, MaxMegabytes, MaxRows
from edge.live.settings import LiveSettings
from edge.ports import Quotas, Throttle
from edge.ports.model import Model
from edge.ports.telemetry import Telemetry
from edge.ports.workflows import Workflow
from edge.settings import BaseUrl


def _allowed(text: object) -> object:
    return allowed(text) if isinstance(text, str) else text


class TessieSettings(AccessSettings, LiveSettings):
    """Variables, secrets and bindings; a field's variable has its name in capitals."""

    tessie_base_url: BaseUrl = "https://api.tessie.com"
    tessie_deadline_s: Annotated[float, Field(gt=0)] = 25.0
    tessie_back_off_s: Annotated[float, Field(ge=0, le=60)] = 0.5
    tessie_calls_per_second: Annotated[float, Field(gt=0)] = 10.0
    tessie_calls_at_once: Annotated[int, Field(gt=0)] = 30
    sync_retry_s: Annotated[int, Field(ge=0)] = 30
    sync_reread_windows: Annotated[int, Field(ge=0, le=100)] = 10
    sync_poll_minutes: Annotated[int, Field(ge=0, le=60)] = 5
    removed_records_keep_days: KeepDays = 90
    agent_lease_s: Annotated[int, Field(ge=1, le=900)] = 300
    logs_keep_days: KeepDays = 30
    logs_max_rows: MaxRows = 500_000
    tessie_raw_keep_days: KeepDays = 90
    tessie_raw_max_mb: MaxMegabytes = 1_000
    sync_runs_keep_days: KeepDays = 365
    agent_actions_keep_days: KeepDays = 730
    agent_messages_keep_days: KeepDays = 0
    api_keys_keep_days: KeepDays = 365
    tessie_api_key: Secret
    jwt_issuer: str = NAME
    quotas: Quotas | None = None
    db: Database
    core_tessie_queue: Queue
    tessie_throttle: Throttle | None = None
    agent_commands: Annotated[frozenset[str], BeforeValidator(_allowed)] = allowed(SAFE)
    sync_workflow: Workflow | None = None
    workers_ai: Model | None = None
    ai_model: str = "@cf/meta/llama-3.3-70b-instruct-fp8-fast"
    analytics: Telemetry | None = None
    analytics_dataset: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] | None = None
    cloudflare_account_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    cloudflare_api_token: Secret | None = None
    cloudflare_api_url: BaseUrl = "https://api.cloudflare.com/client/v4"
