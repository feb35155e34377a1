"""Python's half of the host: imports the main module and calls its handlers."""
# mypy: disable-error-code="import-not-found"

import importlib
import inspect
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from types import FrameType, ModuleType
from typing import Any

import _pyedge_host
import _workers_sdk_patch_loader  # noqa: F401 - production runs it from a .pth file
from _cloudflare.import_patch_manager import after_import, before_first_request, before_import
from workers.rpc import python_from_rpc, python_to_rpc

__all__ = ["before_first_request"]

_main: ModuleType
_event: ContextVar[tuple[str, tuple[Any, ...]] | None] = ContextVar("_event", default=None)


def load(main_module: str) -> None:
    """Import the main module by the rules of production's global scope."""
    global _main  # noqa: PLW0603 - the one module that everything here is about
    before_import()
    try:
        _main = importlib.import_module(main_module)
    finally:
        after_import()


def reload(root: str, main_module: str) -> None:
    """Import the Worker's own modules again, not the vendored ones; where that fails the old ones stay."""
    importlib.invalidate_caches()
    before = {name: module for name, module in sys.modules.items() if _own(module, root)}
    for name in before:
        del sys.modules[name]
    try:
        load(main_module)
    except BaseException:
        for name in [name for name, module in sys.modules.items() if _own(module, root)]:
            del sys.modules[name]
        sys.modules.update(before)
        raise


def _own(module: ModuleType, root: str) -> bool:
    path = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
    return path.startswith(root) and "/python_modules/" not in path


def watch(seconds: float) -> None:
    """Say, when the host's watchdog interrupts, what computes and where."""

    def report(_signal: int, frame: FrameType | None) -> None:
        stack = "".join(traceback.format_stack(frame)[-12:])
        print(f"Stack (most recent call last):\n{stack}", end="", file=sys.stderr)
        _pyedge_host.hung(f"{_computing()} has been computing for {seconds:g} s without a pause")

    signal.signal(signal.SIGINT, report)


def public_methods(class_name: str) -> list[str]:
    """Return the names that service bindings may call."""
    cls = getattr(_main, class_name, None)
    return [name for name in dir(cls) if not name.startswith("_") and callable(getattr(cls, name))]


def create(class_name: str, ctx: Any, env: Any) -> Any:
    """Return a new object of one of the main module's classes."""
    return getattr(_main, class_name)(ctx, env)


async def call(class_name: str, ctx: Any, env: Any, handler: str, *args: Any) -> Any:
    """Call a handler of a Worker's entrypoint."""
    instance = create(class_name, ctx, env)
    if handler in ("scheduled", "queue"):  # as in production: given two more, and only these two count arguments
        result = await _run(getattr(instance, handler), [python_from_rpc(args[0]), None, None], handler, args)
        return None if result is None else python_to_rpc(result)
    return await call_on(instance, handler, *args)


async def call_on(instance: Any, handler: str, *args: Any) -> Any:
    """Call a method: JavaScript's arguments to Python, the result back."""
    method = getattr(instance, handler)
    converted = [python_from_rpc(argument) for argument in args]
    result = await _run(method, _fit(method, converted), handler, args)
    return None if result is None else python_to_rpc(result)


async def call_raw(class_name: str, ctx: Any, env: Any, handler: str, *args: Any) -> Any:
    """Call a workflow, for which the SDK converts arguments and result itself."""
    return await _run(getattr(create(class_name, ctx, env), handler), list(args), handler, args)


def _fit(method: Callable[..., Any], args: list[Any]) -> list[Any]:
    """Leave out what the handler does not take, and give None for what it takes beyond."""
    params = inspect.signature(method).parameters.values()
    if any(param.kind is param.VAR_POSITIONAL for param in params):
        return args
    positional = [param for param in params if param.kind in (param.POSITIONAL_ONLY, param.POSITIONAL_OR_KEYWORD)]
    missing = sum(param.default is param.empty for param in positional) - len(args)
    return args[: len(positional)] + [None] * missing


def _computing() -> str:
    event = _event.get()
    if event is None:
        return "the import of the main module"
    handler, args = event
    if handler == "fetch":
        return f"{args[0].method} {args[0].url}"
    if handler == "scheduled":
        return f"cron {args[0].cron}"
    return f"queue {args[0].queue}" if handler == "queue" else f"{handler}()"


async def _run(method: Callable[..., Any], given: list[Any], handler: str, args: tuple[Any, ...]) -> Any:
    _event.set((handler, args))
    try:
        result = method(*given)
        return await result if isinstance(result, Awaitable) else result
    except Exception:
        traceback.print_exc()
        raise
