"""Context of one event: its settings, adapters and caller."""

from collections.abc import Mapping
from typing import Any

from edge.ports.log import Log
from edge.settings import Settings

NO_CALLER = object()
"""The caller of an event that has none, such as a tick; None is an anonymous caller."""


class Ports:
    """The ports of one event: a request, a cron tick, a batch of messages.

    `settings` has the variables, secrets and bindings; `runtime` the adapters that every runtime has, by
    protocol (`Fetch`, `Clock`, `Crypto`, `Background`, `Log`, `Assets`, and `ModelServers` if a signature takes it);
    `provided` is filled by the app's providers, `singletons` by those with values that outlive the event. `caller` is
    the event's `Actor`.
    """

    __slots__ = ("caller", "log", "provided", "runtime", "settings", "singletons")

    def __init__(
        self, settings: Settings, runtime: Mapping[Any, object], singletons: dict[Any, object] | None = None
    ) -> None:
        self.settings = settings
        self.runtime = runtime
        self.provided: dict[Any, object] = {}
        self.singletons: dict[Any, object] = {} if singletons is None else singletons
        self.caller: object = NO_CALLER
        self.log: Log = runtime[Log]  # type: ignore[assignment]

    def is_first_report(self, setting: str) -> bool:
        """Tell whether nothing was reported of a setting before, for all events with these settings."""
        is_first = setting not in self.settings.reported
        self.settings.reported.add(setting)
        return is_first

    def begin(self, caller: object = NO_CALLER) -> "Ports":
        """Return the ports of one event among several that these serve."""
        ports = Ports(self.settings, self.runtime, self.singletons)
        ports.caller = caller
        return ports
