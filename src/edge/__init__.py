"""A kernel for HTTP APIs, jobs and queues that run on Cloudflare Python Workers and on a machine of your own."""

from edge.access import ADMIN, OPERATOR, PUBLIC, READER, Actor, Role
from edge.app import App
from edge.context import Ports
from edge.endpoint import Body, Header, Operation, PlanError, Query
from edge.errors import BadRequest, Forbidden, InvalidBody, NotConfigured, NotFound, Problem, Unauthorized
from edge.events import Delivery, Frame, Retry, Tick
from edge.http import Response
from edge.ports import (
    Background,
    Bucket,
    Clock,
    Database,
    Fetch,
    KeyValue,
    Limit,
    Log,
    Queue,
    RateLimiter,
    Statement,
    SystemDatabase,
)
from edge.request import Request
from edge.routes import Routes
from edge.settings import Secret, Settings

__all__ = [
    "ADMIN",
    "OPERATOR",
    "PUBLIC",
    "READER",
    "Actor",
    "App",
    "Background",
    "BadRequest",
    "Body",
    "Bucket",
    "Clock",
    "Database",
    "Delivery",
    "Fetch",
    "Forbidden",
    "Frame",
    "Header",
    "InvalidBody",
    "KeyValue",
    "Limit",
    "Log",
    "NotConfigured",
    "NotFound",
    "Operation",
    "PlanError",
    "Ports",
    "Problem",
    "Query",
    "Queue",
    "RateLimiter",
    "Request",
    "Response",
    "Retry",
    "Role",
    "Routes",
    "Secret",
    "Settings",
    "Statement",
    "SystemDatabase",
    "Tick",
    "Unauthorized",
]
