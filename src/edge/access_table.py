"""The access table of an app, for a golden file: the role and reach of each handler, and the rows of each caller."""

from collections.abc import Callable, Iterator
from typing import Any

from edge.app import App
from edge.data import CallerKind, Tables
from edge.data.table import Rows
from edge.reach import Reach


def access_table(app: App) -> str:
    """Return a line for each route, frame, job, consumer and workflow, and for each declared table.

    A line has the role, the reach (`rows` if the caller's database keeps callers apart), and `system` if the whole
    database is used.
    """
    return "".join(f"{line.rstrip()}\n" for line in (*_handlers(app), *_tables(app)))


def _handlers(app: App) -> Iterator[str]:
    for endpoint in sorted(app.endpoints, key=lambda endpoint: (endpoint.path, endpoint.method)):
        scope = _scope(app, endpoint.route.handler, endpoint.route.reach)
        yield f"{endpoint.method:12} {endpoint.path:44} {endpoint.access.name.lower():8} {scope}"
    for name, frame in sorted(app.frames.items()):
        scope = _scope(app, frame.handler, frame.reach)
        yield f"{f'frame {name}':12} {app.socket_path:44} {frame.access.name.lower():8} {scope}"
    for cron, job in sorted(app.jobs, key=lambda pair: pair[0]):
        yield f"{'cron':12} {cron:44} {'-':8} {_scope(app, job.handler, None)}"
    for name, consumer in sorted(app.consumers.items()):
        yield f"{'queue':12} {name:44} {'-':8} {_scope(app, consumer.handler, None)}"
    for name, workflow in sorted(app.workflows.items()):
        yield f"{'workflow':12} {name:44} {'-':8} {_scope(app, workflow.handler, None)}"


def _scope(app: App, handler: Callable[..., Any], reach: Reach | None) -> str:
    databases = app.injector.databases(handler)
    parts = ["rows"] if "rows" in databases else []
    parts += [reach.name] if reach else []
    return f"{', '.join(parts) or '-':24} {'system' if 'system' in databases else ''}"


def _tables(app: App) -> Iterator[str]:
    if not isinstance(app.tables, Tables):
        return
    yield ""
    for name, rows in sorted(app.tables.rows.items()):
        declared = rows.declared
        if declared.private:
            yield f"table {name:24} private"
            continue
        if declared.is_part:
            yield f"part  {name:24} of {rows.relation.name}"
        else:
            yield f"table {name:24} read {declared.read.name.lower()}, write {declared.write.name.lower()}"
        for kind in CallerKind:
            if kind is not CallerKind.ADMIN:
                yield f"      {kind:24} {_rows_of(rows, kind)}"
        if declared.writable is not None and not declared.is_part:
            yield f"      {'writable':24} {', '.join(sorted(declared.writable))}"
        for part in declared.parts:
            alone = [f"changes {column}" for column in sorted(part.columns)] + ["deletes rows"] * part.deletes
            yield f"      {'part':24} {part.name}{': alone ' if alone else ''}{', '.join(alone)}"


def _rows_of(rows: Rows, kind: CallerKind) -> str:
    """Return the rows of a kind of caller, and the check on new ones."""
    own = rows.owned(kind)
    parts = [{True: "all rows", False: ""}[own] if isinstance(own, bool) else own.text]
    parts += [f"public: {rows.public.text}"] if rows.public else []
    parts += [f"check: {rows.check[kind].text}"] if kind in rows.check and not rows.declared.is_part else []
    return "; ".join(filter(None, parts)) or "none"
