"""The settings of this Worker."""

from typing import Literal

from devcapsules import NAME
from devcapsules.generation_settings import GenerationSettings
from edge import Database, KeyValue, Queue, RateLimiter
from edge.auth.accounts.settings import AccountSettings
from edge.ports import Quotas
from edge.ports.executor import Executor
from edge.settings import BaseUrl, Secret


class CapsuleSettings(AccountSettings, GenerationSettings, bindings={Executor: "sandbox"}):
    """Variables, secrets and bindings; the variable of a field is its name in upper case.

    The administrator's key changes plans, decides reports and runs jobs; it is not a user.
    """

    jwt_issuer: str = NAME
    site_name: str = "DevCapsules"
    db: Database
    kv: KeyValue
    generation_queue: Queue
    plan_limits: Quotas
    sandbox: Executor | None = None
    executor_url: BaseUrl | None = None
    executor_dialect: Literal["piston", "judge0"] = "piston"
    aws_executor_api_key: Secret | None = None
    rate_limiter: RateLimiter | None = None
    widget_limiter: RateLimiter | None = None
