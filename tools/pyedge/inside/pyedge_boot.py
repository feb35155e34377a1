"""Python's half of the host: imports the main module and calls its handlers."""
# mypy: disable-error-code="import-not-found"

import gc
import importlib
import inspect
import marshal
import signal
import sys
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from functools import partial
from importlib.machinery import SourceFileLoader
from importlib.util import source_hash
from pathlib import Path
from types import (
    CellType,
    CodeType,
    FrameType,
    FunctionType,
    MappingProxyType,
    MethodType,
    ModuleType,
    SimpleNamespace,
)
from typing import Any

import _pyedge_host
from _cloudflare.import_patch_manager import after_import, before_first_request, before_import
from pyodide.ffi import JsProxy


def _run_pth(folder: str) -> None:
    """Run the import lines of the packages' `.pth` files, as the date's flag python_process_pth_files requires."""
    for file in sorted(Path(folder).glob("*.pth")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith(("import ", "import\t")):
                exec(line, {})


for _folder in sys.path:
    if _folder.endswith("/python_modules"):
        _run_pth(_folder)

from workers.rpc import python_from_rpc, python_to_rpc  # noqa: E402 - the .pth file prepares it

__all__ = ["before_first_request"]

LENIENT = frozenset({"fetch", "alarm", "webSocketMessage", "webSocketClose", "webSocketError"})
"""Handlers that may declare fewer or more parameters than the runtime passes."""

_main: ModuleType
_event: ContextVar[tuple[str, tuple[Any, ...]] | None] = ContextVar("_event", default=None)


_compile = SourceFileLoader.source_to_code
_compiled: dict[tuple[str, bytes], CodeType] = marshal.loads(code) if (code := _pyedge_host.code.to_bytes()) else {}
"""The code of modules by path and hash of the source; it begins with what an earlier start has compiled."""


def _compile_once(loader: SourceFileLoader, data: bytes, path: str, **options: Any) -> CodeType:
    """Return a module's code; a module that is imported again and has not changed is not compiled again."""
    key = (path, source_hash(bytes(data)))
    if key not in _compiled:
        _compiled[key] = _compile(loader, data, path, **options)
    return _compiled[key]


def compiled() -> bytes:
    """Return the code of all modules that were imported from source, for the next start."""
    return marshal.dumps(_compiled)


SourceFileLoader.source_to_code = _compile_once  # type: ignore[method-assign,assignment]


def load(root: str, main_module: str, is_checked: bool = False) -> None:
    """Import the main module by the rules of production's global scope, and check that a snapshot could keep it.

    An import of the same files may have been checked before: the check takes a fifth of the import's time.
    """
    _import_main(main_module)
    if not is_checked:
        _check_snapshot(root)


def _import_main(main_module: str) -> None:
    global _main  # noqa: PLW0603 - the one module that everything here is about
    before_import()
    try:
        _main = importlib.import_module(main_module)
    finally:
        after_import()


def _check_snapshot(root: str) -> None:
    """Refuse a JavaScript object that a module of the Worker's holds, as the making of a snapshot does."""
    own = [(name, module) for name, module in sys.modules.items() if _own(module, root)]
    names = {name for name, _ in own}
    seen: set[int] = set()
    for name, module in own:
        for place, value in _javascript_objects(name, vars(module), names, seen):
            if not _pyedge_host.isGlobal(value):
                raise TypeError(
                    f"Can't serialize top-level variable {place}: no snapshot can keep a JavaScript object; make it in "
                    "a handler"
                )


def _javascript_objects(place: str, members: Any, own: set[str], seen: set[int]) -> Iterator[tuple[str, Any]]:
    """Yield the JavaScript objects that are reached from members by name, with their places."""
    waiting = [(f"{place}.{name}", value) for name, value in members.items() if not name.startswith("__")]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, JsProxy):
            yield where, value
        elif id(value) not in seen:
            seen.add(id(value))
            waiting += [(f"{where}{step}", part) for step, part in _parts(value, own)]


_HOLDERS = (deque, SimpleNamespace, MappingProxyType, MethodType, staticmethod, classmethod)
"""Standard types whose instances hold other objects, without being containers that can be iterated alike."""


def _parts(value: Any, own: set[str]) -> list[tuple[str, Any]]:
    """Return the parts of a value that a JavaScript object may hide in: of containers, own classes and functions."""
    if isinstance(value, dict):
        return [(f"[{key!r:.40}]", part) for key, part in value.items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [(f"[{number}]", part) for number, part in enumerate(value)]
    if isinstance(value, FunctionType) and value.__module__ in own:
        cells = [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        parts = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *cells]
        return [("()", part) for part in parts]
    if isinstance(value, partial):
        return [("()", part) for part in (value.func, *value.args, *value.keywords.values())]
    if isinstance(value, _HOLDERS):
        return [("()", part) for part in gc.get_referents(value)]
    kind = value if isinstance(value, type) else type(value)
    if kind.__module__ not in own:
        return []
    slots = [(name, getattr(value, name, None)) for name in getattr(kind, "__slots__", ()) if isinstance(name, str)]
    named = [*getattr(value, "__dict__", {}).items(), *(() if isinstance(value, type) else slots)]
    return [(f".{name}", part) for name, part in named if not name.startswith("__")]


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - reading it is the question
    except ValueError:
        return False
    return True


def reload(root: str, main_module: str) -> None:
    """Import the Worker's own modules again, as they now are, not the vendored ones."""
    importlib.invalidate_caches()
    _begin_again(root, lambda: load(root, main_module))


def renew(root: str, main_module: str) -> None:
    """Import the same modules again, for other values of variables and bindings."""
    _begin_again(root, lambda: _import_main(main_module))


def _begin_again(root: str, load_again: Callable[[], None]) -> None:
    """Drop the Worker's own modules and import them again; if that fails, restore the old ones."""
    before = {name: module for name, module in sys.modules.items() if _own(module, root)}
    for name in before:
        del sys.modules[name]
    try:
        load_again()
    except BaseException:
        for name in [name for name, module in sys.modules.items() if _own(module, root)]:
            del sys.modules[name]
        sys.modules.update(before)
        raise


def _own(module: ModuleType, root: str) -> bool:
    path = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), "")
    return path.startswith(root) and "/python_modules/" not in path


def watch(seconds: float) -> None:
    """When the host's watchdog interrupts, print the running handler and its stack."""

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
    result = await _run(method, _fit(method, converted) if handler in LENIENT else converted, handler, args)
    return None if result is None else python_to_rpc(result)


async def call_raw(class_name: str, ctx: Any, env: Any, handler: str, *args: Any) -> Any:
    """Call a workflow, for which the SDK converts arguments and result itself."""
    return await _run(getattr(create(class_name, ctx, env), handler), list(args), handler, args)


def _fit(method: Callable[..., Any], args: list[Any]) -> list[Any]:
    """Leave out arguments that the handler does not accept, and pass None for missing ones."""
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


async def _run(method: Callable[..., Any], values: list[Any], handler: str, args: tuple[Any, ...]) -> Any:
    _event.set((handler, args))
    try:
        result = method(*values)
        return await result if isinstance(result, Awaitable) else result
    except Exception:
        traceback.print_exc()
        raise
