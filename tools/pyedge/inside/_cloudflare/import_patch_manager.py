"""Registers the SDK's patches, to run around the import of a package or before the first request."""

import random
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from functools import wraps
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from .allow_entropy import REFUSAL, State, urandom

type Around = Callable[[ModuleType], AbstractContextManager[None]]
type Hook = Callable[[ModuleType], None]

_around: dict[str, tuple[str, Around]] = {}
_first_request: dict[str, Hook] = {}
_blocked: dict[str, ModuleType] = {}


def register_exec_patch(name: str) -> Callable[[Around], Around]:
    """Run a context manager around a module's execution."""
    return _register(name, "exec_module")


def register_create_patch(name: str) -> Callable[[Around], Around]:
    """Run a context manager around the loading of an extension module."""
    return _register(name, "create_module")


def register_before_first_request(name: str) -> Callable[[Hook], Hook]:
    """Call a function with a module, if it was imported, before the first request."""

    def register(hook: Hook) -> Hook:
        _first_request[name] = hook
        return hook

    return register


def register_after_snapshot(_name: str) -> Callable[[Hook], Hook]:
    """Do nothing: no snapshot is taken after the import here."""
    return lambda hook: hook


def block_calls(module: ModuleType, *, allowlist: Iterable[str] = ()) -> None:
    """Let a module's functions fail until the import of the main module is over."""
    _blocked[module.__name__] = module
    sys.modules[module.__name__] = _Blocked(module, frozenset(allowlist))


def before_import() -> None:
    """Enter the rules of production's global scope."""
    State.importing = True
    block_calls(random, allowlist=("Random", "SystemRandom"))


def after_import() -> None:
    """Leave them."""
    State.importing = False
    for name, module in _blocked.items():
        sys.modules[name] = module
    _blocked.clear()


def before_first_request() -> None:
    """Seed all generators again."""
    random.seed()
    for name, hook in _first_request.items():
        if name in sys.modules:
            hook(sys.modules[name])


class _Blocked(ModuleType):
    def __init__(self, module: ModuleType, allowed: frozenset[str]) -> None:
        super().__init__(module.__name__, module.__doc__)
        self.__dict__["_of"] = (module, allowed)
        self.__spec__ = module.__spec__

    def __getattr__(self, name: str) -> Any:
        module, allowed = self.__dict__["_of"]
        value = getattr(module, name)
        if not State.importing or name in allowed or not callable(value) or isinstance(value, type):
            return value

        @wraps(value)
        def later(*args: Any, **kwargs: Any) -> Any:
            if State.importing:
                raise RuntimeError(f"{module.__name__}.{name}(): {REFUSAL}")
            return value(*args, **kwargs)

        return later


class _Finder:
    @staticmethod
    def find_spec(name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in _around or (spec := PathFinder.find_spec(name, path, target)) is None:
            return None
        step, around = _around[name]
        inner = getattr(spec.loader, step)

        def patched(value: Any) -> Any:
            with around(value):
                return inner(value)

        setattr(spec.loader, step, patched)
        return spec


def _register(name: str, step: str) -> Callable[[Around], Around]:
    def register(around: Around) -> Around:
        _around[name] = step, around
        return around

    return register


random._urandom = urandom  # type: ignore[attr-defined] # it was imported into the snapshot before
sys.meta_path.insert(0, _Finder)
