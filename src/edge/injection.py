"""Injection: resolves the types in a signature from the ports of an event, and for the event's caller.

A provider's lifetime is declared in the app's composition: a `singleton` is made once in an isolate or process, and may
hold nothing of an event; a value of each `event` may hold its caller's database. Both are the same in every runtime.
"""

import inspect
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Annotated, Any, NamedTuple, Protocol, get_args, get_origin, get_type_hints

from edge.access import Actor
from edge.context import NO_CALLER, Ports
from edge.endpoint import PlanError, TakePort, name_of, options_of
from edge.errors import NotConfigured
from edge.ports import Background, Database, SystemDatabase
from edge.request import Request
from edge.settings import Field, Settings

OF_AN_EVENT = frozenset({Background, Ports})
"""Ports that belong to one event on Workers: a singleton would hold it beyond its end."""


class Context(Enum):
    """The place of a signature: a handler with a caller, the system's own code, or a singleton."""

    CALLER = "caller"
    SYSTEM = "system"
    SINGLETON = "singleton"


class CallerTables(Protocol):
    """The declared tables of an app, which make its callers' databases."""

    database: type[Any]

    def scoped(self, db: Database, actor: Actor | None) -> object:
        """Return a caller's database."""


class Provider(NamedTuple):
    """A function that makes a value of a type, and the value's lifetime."""

    make: Callable[..., Any]
    is_singleton: bool


def singleton(make: Callable[..., Any]) -> Provider:
    """Provide one value for the whole isolate or process."""
    return Provider(make, is_singleton=True)


def event(make: Callable[..., Any]) -> Provider:
    """Provide a value for each event: a request, a frame, a tick, a message, or a run of a workflow."""
    return Provider(make, is_singleton=False)


class Injector:
    """Resolves the types of a signature from the ports: the settings, a binding, an adapter, or a provider's value.

    With `tables` a `Database` is that of the event's caller, and `SystemDatabase` the whole one. A provider without a
    lifetime lives as long as its ports; beside tables each has to declare its own. `takes_rows` is set if the resolved
    signature takes a caller's database.
    """

    def __init__(
        self,
        settings: type[Settings],
        runtime: Sequence[Any],
        providers: Sequence[Callable[..., Any] | Provider],
        tables: CallerTables | None = None,
    ) -> None:
        self._settings = settings
        self._runtime = frozenset(runtime)
        self._tables = tables
        self._providers: dict[Any, Callable[..., Any]] = {}
        self._singletons: dict[Any, bool | None] = {}
        self._plans: dict[tuple[Any, Context], tuple[TakePort, bool]] = {}
        self.takes_rows = False
        self._requested: set[Any] = set()
        self._signatures: dict[Callable[..., Any], list[tuple[str, Any]]] = {}
        self._open: list[Any] = []
        for provider in providers:
            make, is_singleton = provider if isinstance(provider, Provider) else (provider, None)
            kind = make if isinstance(make, type) else get_type_hints(make).get("return")
            if kind is None or kind in self._providers or kind in self._runtime:
                raise PlanError(f"{name_of(make)}: {kind} is no type, or is provided already")
            if tables is not None and is_singleton is None:
                raise PlanError(f"{name_of(make)}: declare its lifetime, singleton(…) or event(…)")
            self._providers[kind] = make
            self._singletons[kind] = is_singleton

    def takes(self, port: Any) -> bool:
        """Tell whether a resolved signature or a provider takes one of the runtime's ports."""
        makers = self._providers.values()
        return port in self._requested or any(hint is port for make in makers for _, hint in self._hints(make))

    def __call__(self, hint: Any) -> TakePort | None:
        """Return the step that takes a value of type `hint` from the ports, or None; for code without a caller."""
        return self.resolve(hint, Context.SYSTEM)

    def for_caller(self, hint: Any) -> TakePort | None:
        """Return the same for a handler with a caller."""
        return self.resolve(hint, Context.CALLER)

    def resolve(self, hint: Any, context: Context) -> TakePort | None:
        """Return the step that takes a value of type `hint` from the ports in a context, or None."""
        inner, name = (*get_args(hint), "")[:2] if get_origin(hint) is Annotated else (hint, "")
        if context is Context.SINGLETON and inner in OF_AN_EVENT:
            raise PlanError(f"a singleton cannot hold {inner.__name__}, which ends with its event")
        if inner is Ports:
            return lambda ports: ports
        if inner in self._runtime:
            self._requested.add(inner)
            return lambda ports: ports.runtime[inner]
        if inner in self._providers:
            return self._provided(inner, context)
        if isinstance(inner, type) and issubclass(inner, Settings) and issubclass(self._settings, inner):
            return self._open_settings if self._tables else lambda ports: ports.settings
        return self._bound(inner, name, context)

    def _open_settings(self, ports: Ports) -> Settings:
        """Return the settings without the databases, which are requested by type."""
        settings = ports.singletons.get(Settings)
        if not isinstance(settings, Settings):
            settings = ports.singletons[Settings] = ports.settings.without(Database)
        return settings

    def _bound(self, hint: Any, name: str, context: Context) -> TakePort | None:
        options = options_of(hint)
        scoped = self._tables.database if self._tables else None
        kinds = [Database if option in {SystemDatabase, scoped} else option for option in options]
        fields = [field for field in self._settings.fields if field.port in kinds and field.port]
        chosen = [field for field in fields if name in {"", field.name}]
        if not chosen:
            return None
        is_scoped = scoped is not None and not {Database, scoped}.isdisjoint(options)
        if len(chosen) > 1:
            names = ", ".join(field.name for field in chosen)
            raise PlanError(f"{hint} could be any of {names}: use Annotated[{hint.__name__}, NAME]")
        take = _binding(chosen[0], is_optional=type(None) in options)
        return self._scoped(take, chosen[0], context) if is_scoped else take

    def _scoped(self, take: TakePort, field: Field, context: Context) -> TakePort:
        """Return the step that takes the caller's database of a binding."""
        tables = self._tables
        assert tables is not None
        if context is not Context.CALLER:
            raise PlanError("there is no caller here: use SystemDatabase")
        if field is not next(other for other in self._settings.fields if other.port is Database):
            raise PlanError(f"no tables are declared for {field.name}: use Annotated[SystemDatabase, …]")
        self.takes_rows = True

        def scoped(ports: Ports) -> object:
            if tables not in ports.provided:
                if ports.caller is NO_CALLER:
                    raise PlanError("this event has no caller")
                whole: Any = take(ports)
                caller: Any = ports.caller
                ports.provided[tables] = None if whole is None else tables.scoped(whole, caller)
            return ports.provided[tables]

        return scoped

    def _provided(self, kind: Any, context: Context) -> TakePort:
        make = self._providers[kind]
        is_singleton = self._singletons[kind]
        if context is Context.SINGLETON and not is_singleton:
            raise PlanError(f"a singleton cannot hold {name_of(make)}, which is none")
        inner = Context.SINGLETON if is_singleton else context
        if (kind, inner) not in self._plans:
            before = self.takes_rows
            self.takes_rows = False
            self._plans[kind, inner] = (self._plan(kind, make, inner), self.takes_rows)
            self.takes_rows = before
        take, takes_rows = self._plans[kind, inner]
        self.takes_rows = self.takes_rows or takes_rows
        return take

    def _plan(self, kind: Any, make: Callable[..., Any], context: Context) -> TakePort:
        if kind in self._open:
            raise PlanError(f"{name_of(make)}: the provider of {kind} needs {kind}")
        self._open.append(kind)
        takes = self.arguments(make, context=context)
        self._open.pop()
        is_singleton = self._singletons[kind]

        def provide(ports: Ports) -> object:
            values = ports.singletons if is_singleton else ports.provided
            if kind not in values:
                values[kind] = make(*[take(ports) for take in takes])
            return values[kind]

        return provide

    def arguments(
        self, function: Callable[..., Any], skip: int = 0, context: Context = Context.SYSTEM
    ) -> list[TakePort]:
        """Return the steps that take a function's arguments but the first `skip`; `PlanError` if one is unknown."""
        takes = []
        for name, hint in self._hints(function)[skip:]:
            try:
                take = self.resolve(hint, context)
            except PlanError as fault:
                raise PlanError(f"{name_of(function)}: {name}: {fault}") from None
            if take is None:
                raise PlanError(f"{name_of(function)}: nothing provides {name}")
            takes.append(take)
        return takes

    def _hints(self, function: Callable[..., Any]) -> list[tuple[str, Any]]:
        """Return the names and types of a function's parameters; a provider is read once for all contexts."""
        if function not in self._signatures:
            self._signatures[function] = _read_signature(function)
        return self._signatures[function]

    def bind[T](self, function: Callable[..., T], count: int) -> Callable[..., T]:
        """Return `function` of its first `given` arguments, with a request first: its ports provide the others."""
        takes = self.arguments(function, count)
        if not takes:
            return function

        if len(takes) == 1 and count < 3:
            [take] = takes
            if count == 1:
                return lambda request: function(request, take(request.ports))
            return lambda request, second: function(request, second, take(request.ports))

        def bound(request: Request, *rest: Any) -> T:
            return function(request, *rest, *[take(request.ports) for take in takes])

        return bound

    def databases(self, function: Callable[..., Any]) -> set[str]:
        """Return the databases that a function uses, itself or by providers: a caller's `rows`, the `system` one."""
        names: set[str] = set()
        todo = [function]
        seen = set[Any]()
        while todo:
            for _, hint in self._hints(todo.pop()):
                inner = get_args(hint)[0] if get_origin(hint) is Annotated else hint
                options = options_of(inner)
                if SystemDatabase in options:
                    names.add("system")
                if self._tables and not {Database, self._tables.database}.isdisjoint(options):
                    names.add("rows")
                if inner in self._providers and inner not in seen:
                    seen.add(inner)
                    todo.append(self._providers[inner])
        return names


def _read_signature(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    annotated: Any = function
    if isinstance(function, type) and not issubclass(function, tuple):  # a NamedTuple's own hints are its fields'
        annotated = next(vars(kind)["__init__"] for kind in function.__mro__ if "__init__" in vars(kind))
    hints = get_type_hints(annotated, include_extras=True)
    return [(name, hints.get(name)) for name in inspect.signature(function).parameters]


def _binding(field: Field, *, is_optional: bool) -> TakePort:
    """Return the step that takes a binding; `NotConfigured` if there is none."""
    variable = field.name
    attribute = field.attribute

    def take(ports: Ports) -> object:
        if is_optional and attribute in ports.settings.faults:
            return None
        binding = getattr(ports.settings, attribute)
        if binding is None and not is_optional:
            raise NotConfigured(variable)
        return binding

    return take
