"""Ports: protocols that a handler requests by type; each runtime has adapters for them."""

from edge.ports.assets import Assets
from edge.ports.background import Background
from edge.ports.bucket import Bucket, Objects, StoredObject
from edge.ports.clock import Clock
from edge.ports.database import (
    CheckViolation,
    ConstraintViolation,
    Database,
    DatabaseAway,
    DatabaseError,
    ForeignKeyViolation,
    NotNullViolation,
    OutOfScope,
    Result,
    Row,
    Statement,
    SystemDatabase,
    UniqueViolation,
    Value,
)
from edge.ports.errors import LimitExceeded, PortError
from edge.ports.fetch import Fetch, Fetched, FetchError, FetchTimeout, FetchUnreached
from edge.ports.key_value import Keys, KeyValue
from edge.ports.log import Log
from edge.ports.mailer import Mail, Mailer, MailError
from edge.ports.queue import Queue
from edge.ports.quotas import Quotas
from edge.ports.rate_limiter import Limit, RateLimiter, RateLimitResult
from edge.ports.throttle import Pace, Throttle, Window

__all__ = [
    "Assets",
    "Background",
    "Bucket",
    "CheckViolation",
    "Clock",
    "ConstraintViolation",
    "Database",
    "DatabaseAway",
    "DatabaseError",
    "Fetch",
    "FetchError",
    "FetchTimeout",
    "FetchUnreached",
    "Fetched",
    "ForeignKeyViolation",
    "KeyValue",
    "Keys",
    "Limit",
    "LimitExceeded",
    "Log",
    "Mail",
    "MailError",
    "Mailer",
    "NotNullViolation",
    "Objects",
    "OutOfScope",
    "Pace",
    "PortError",
    "Queue",
    "Quotas",
    "RateLimitResult",
    "RateLimiter",
    "Result",
    "Row",
    "Statement",
    "StoredObject",
    "SystemDatabase",
    "Throttle",
    "UniqueViolation",
    "Value",
    "Window",
]
