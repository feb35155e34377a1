"""Typed settings: variables, secrets and bindings as fields of one class, read once from the environment."""

import inspect
import re
import types
from collections.abc import Mapping
from functools import cache, reduce
from operator import or_
from typing import (
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    Self,
    TypeAliasType,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import AfterValidator, BeforeValidator, SecretStr, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from edge.errors import NotConfigured, list_faults
from edge.ports import Bucket, Database, KeyValue, Mailer, Queue, Quotas, RateLimiter, Throttle
from edge.ports.events import Events
from edge.ports.model import Model
from edge.ports.telemetry import Telemetry
from edge.ports.workflows import Workflow

BINDINGS: dict[Any, str] = {
    Database: "d1",
    KeyValue: "kv",
    Bucket: "r2",
    Queue: "queue",
    Events: "events",
    Model: "ai",
    Telemetry: "analytics",
    RateLimiter: "rate limit",
    Quotas: "quotas",
    Throttle: "throttle",
    Workflow: "workflow",
    Mailer: "send email",
}
"""The port types that a setting may have, and the platform's name of each."""

Secret = SecretStr
"""A setting that is never shown: only `get_secret_value()` returns its value."""

HASHED = "sha256:"
"""Prefix of an access key's setting that holds the hash of the key, in hex, and not the key."""
LEAST_KEY = 24
"""Least characters of an access key: a shorter one can be guessed."""

DEVELOPMENT_ORIGINS = ("http://localhost:3000",)
"""The value of `CORS_ALLOWED_ORIGINS` if it is not set and `ENVIRONMENT` is development; else there are no origins."""

LOG_LEVELS = ("debug", "info", "warning", "error")
_ORIGIN = re.compile(r"https?://([a-z0-9._-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_MISSING: Any = object()
MAY_BE_EMPTY = "may be empty"
"""In a setting's `Annotated` type: an empty variable is a value like any other, and not a missing one."""


def _origins(text: object) -> object:
    return (
        tuple(item.strip().rstrip("/") for item in text.split(",") if item.strip()) if isinstance(text, str) else text
    )


def _exact(origins: tuple[str, ...]) -> tuple[str, ...]:
    if origins != ("*",) and not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("an origin is http(s)://host[:port], in lower case, or * alone")
    return origins


def _level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise ValueError(f"one of {', '.join(LOG_LEVELS)}")
    return text.lower()


def _base_url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    host = rest.partition("/")[0]
    if scheme not in {"http", "https"} or not separator or not host or any(mark in text for mark in "?#@ \\"):
        raise ValueError("a base URL is http(s)://host[:port][/path]")
    return text.rstrip("/")


def _access_key(secret: Secret) -> Secret:
    text = secret.get_secret_value()
    if text.startswith(HASHED) and not _HASH.fullmatch(text.removeprefix(HASHED)):
        raise PydanticCustomError("no_hash", "after sha256: come the 64 hexadecimal digits of a key's hash")
    if len(text) < LEAST_KEY:
        raise PydanticCustomError("short_key", "a key has at least {least} characters", {"least": LEAST_KEY})
    return secret


type AccessKey = Annotated[Secret, AfterValidator(_access_key)]
"""A key that opens an app, or `sha256:` and its hash; the local runtime does not start with one that is too short."""
type Origins = Annotated[tuple[str, ...], BeforeValidator(_origins), AfterValidator(_exact)]
"""A comma-separated list of exact origins, or `*`."""
type LogLevel = Annotated[str, AfterValidator(_level)]
type BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""`http(s)://host[:port][/path]`, without a slash at its end."""


class Field(NamedTuple):
    """One setting: `name` is its variable's or binding's name; `kind` variable, secret, or the binding's type.

    An empty variable counts as missing, unless the setting `takes_empty`.
    """

    attribute: str
    name: str
    kind: str
    takes_empty: bool
    port: Any
    required: bool
    default: Any
    adapter: TypeAdapter[Any] | None
    is_access_key: bool = False

    def read(self, env: Mapping[str, Any]) -> Any:
        """Return the value in `env`, validated; `NotConfigured` if it is missing or invalid."""
        raw = env.get(self.name)
        if raw is None or (raw == "" and not self.takes_empty):
            if self.required:
                raise NotConfigured(self.name)
            return self.default
        if self.adapter is None:
            return raw
        try:
            return self.adapter.validate_python(raw)
        except ValidationError as fault:
            raise NotConfigured(self.name, f"is not valid: {list_faults(fault)[0]['detail']}") from None


class Settings:
    """Base of an app's settings. The variable of field `tessie_base_url` is `TESSIE_BASE_URL`.

    A missing or invalid setting does not keep the Worker from starting: reading that one attribute raises
    `NotConfigured`, so the routes that need it answer 503 and all others work.
    """

    environment: str = "development"
    log_level: LogLevel = "info"
    cors_allowed_origins: Origins = ()

    fields: ClassVar[tuple[Field, ...]] = ()
    faults: dict[str, NotConfigured]
    reported: set[str]

    def __init_subclass__(cls, bindings: Mapping[Any, str] | None = None) -> None:
        """Collect the fields; `bindings` are further ports of an app, which the kernel need not import."""
        _collect(cls, BINDINGS | dict(bindings or {}))

    def __init__(self, env: Mapping[str, Any]) -> None:
        self.faults = {}
        self.reported = set()
        for field in self.fields:
            try:
                setattr(self, field.attribute, field.read(env))
            except NotConfigured as fault:
                self.faults[field.attribute] = fault
        if not env.get("CORS_ALLOWED_ORIGINS") and vars(self).get("environment") == "development":
            self.cors_allowed_origins = DEVELOPMENT_ORIGINS

    def check(self, name: str) -> None:
        """Raise `NotConfigured` if a setting is missing or invalid."""
        if name in self.faults:
            raise self.faults[name].with_traceback(None)  # it is raised often: each raise would add to its traceback

    def without(self, port: Any) -> Self:
        """Return the same settings without their bindings of a type."""
        left_out = {field.attribute for field in self.fields if field.port is port}
        others = object.__new__(type(self))
        vars(others).update({name: value for name, value in vars(self).items() if name not in left_out})
        return others

    def __getattr__(self, name: str) -> Any:  # reached only for a setting without a value
        self.check(name)
        raise AttributeError(f"{type(self).__name__} has no setting {name}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(field.name for field in self.fields)}>"


def _collect(cls: type[Settings], bindings: Mapping[Any, str]) -> None:
    """Turn the class's annotations and defaults into fields; no default stays to be read past a fault."""
    hints = get_type_hints(cls, include_extras=True)
    fields = {field.attribute: field for base in cls.__mro__[:0:-1] for field in vars(base).get("fields", ())}
    for name in inspect.get_annotations(cls):
        if name not in {"faults", "reported"} and get_origin(hints[name]) is not ClassVar:
            fields[name] = _field(name, hints[name], vars(cls).get(name, _MISSING), bindings)
            if name in vars(cls):
                delattr(cls, name)
    cls.fields = tuple(fields.values())


def _field(attribute: str, hint: object, default: object, bindings: Mapping[Any, str]) -> Field:
    hint, optional = _without_none(hint)
    named = getattr(hint, "__value__", hint)  # the value of a `type` alias
    bare = get_args(named)[0] if get_origin(named) is Annotated else named
    kind = bindings.get(hint) or ("secret" if bare is Secret else "variable")
    return Field(
        attribute=attribute,
        name=attribute.upper(),
        kind=kind,
        takes_empty=MAY_BE_EMPTY in get_args(named),
        port=hint if hint in bindings else None,
        required=default is _MISSING and not optional,
        default=None if default is _MISSING else default,
        adapter=None if hint in bindings else _adapter(hint),
        is_access_key=hint is AccessKey,
    )


def _adapter(hint: Any) -> TypeAdapter[Any]:
    """Return the validator of a setting; settings of one class or named type share theirs."""
    return _shared_adapter(hint) if isinstance(hint, type | TypeAliasType) else TypeAdapter(hint)


@cache
def _shared_adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)


def _without_none(hint: object) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, types.UnionType) and types.NoneType in get_args(hint):
        return reduce(or_, (part for part in get_args(hint) if part is not types.NoneType)), True
    return hint, False


_collect(Settings, BINDINGS)
