"""The command line: `python -m edge.runtimes.local serve|migrate MODULE:APP`."""

import argparse
import asyncio
import gc
import importlib
import os
import sys
import traceback
from pathlib import Path

from edge.app import App
from edge.ports import PortError
from edge.runtimes.local import reload
from edge.runtimes.local.dev_vars import read_dev_vars
from edge.runtimes.local.migrations import migrate
from edge.runtimes.local.parent import follow
from edge.runtimes.local.runtime import LocalRuntime, StartError, database_path, make_state
from edge.runtimes.local.server import INHERITED, listen, run

YOUNG = 10_000
"""Objects made before the garbage collector looks at them: five times as many as by default. Requests leave no cycles,
so a look finds little, and with 5,000 connections one at all objects takes a second.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run a command. A fault of the input is one line on standard error, with the exit code 2."""
    options = parser().parse_args(arguments)
    os.umask(0o077)  # new files are private to their owner
    try:
        return int(options.command(options))
    except PortError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before the server handles signals
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the command line's options."""
    root = argparse.ArgumentParser(prog="python -m edge.runtimes.local", description=__doc__)
    commands = root.add_subparsers(required=True)
    for name, command in (("serve", serve), ("migrate", migrate_only)):
        subparser = commands.add_parser(name)
        subparser.set_defaults(command=command)
        subparser.add_argument("app", metavar="MODULE:APP")
        subparser.add_argument("--state", type=Path, default=Path(".state"), help="folder of all state")
        subparser.add_argument(
            "--migrations", type=Path, default=Path("migrations"), help="folder of all apps' migrations"
        )
    subparser = commands.choices["serve"]
    subparser.add_argument("--host", default="127.0.0.1")
    subparser.add_argument("--port", type=int, default=8787)
    subparser.add_argument("--assets", type=Path, help="folder of static files")
    subparser.add_argument("--env-file", type=Path, default=Path(".dev.vars"))
    subparser.add_argument(
        "--reload", type=Path, nargs="?", const=Path("src"), metavar="FOLDER", help="restart on edits"
    )
    subparser.add_argument("--parent", type=int, metavar="PID", help="end when this process is the parent no longer")
    return root


def migrate_only(options: argparse.Namespace) -> int:
    """Bring the database up to date and print the applied migrations."""
    app = load(options.app)
    try:
        make_state(options.state)
    except OSError as fault:
        raise StartError(f"the state folder {options.state} cannot be used: {fault.strerror or fault}") from None
    database = database_path(app, options.state)
    applied = migrate(database, options.migrations / app.migrations) if database else []
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")
    return 0


def serve(options: argparse.Namespace) -> int:
    """Serve the app until a signal; restart on an edit."""
    follow(options.parent)
    if options.reload is not None:
        sys.dont_write_bytecode = True  # a cached .pyc would hide an edit in the same second with the same length
    again = INHERITED in os.environ
    listening = listen(options.host, options.port)
    try:
        runtime = prepare(options)
    except Exception as fault:
        # A mistake in the command ends it; one in an edited file waits for the next edit.
        if options.reload is None or (isinstance(fault, PortError) and not again):
            raise
        traceback.print_exc()
        reload.wait(options.reload)
    else:
        _collect_less()
        if not asyncio.run(run(runtime, listening, options.reload)):
            return 0
    return reload.restart(listening, INHERITED)


def _collect_less() -> None:
    """Let the garbage collector run less often, and never look at what was made before the first request."""
    gc.freeze()
    gc.set_threshold(YOUNG)


def prepare(options: argparse.Namespace) -> LocalRuntime:
    """Import the app and open its state, with the database up to date."""
    env = read_dev_vars(options.env_file) | os.environ
    app = load(options.app)
    migrations = options.migrations / app.migrations
    return LocalRuntime.open(app, options.state, env, assets=options.assets, migrations=migrations)


def load(where: str) -> App:
    """Import an app; `StartError` if there is none of that name."""
    module, _, attribute = where.partition(":")
    try:
        app = getattr(importlib.import_module(module), attribute or "app")
    except (ModuleNotFoundError, AttributeError) as fault:
        if isinstance(fault, ModuleNotFoundError) and fault.name and not module.startswith(fault.name):
            raise
        raise StartError(f"there is no app {where}: {fault}") from None
    if not isinstance(app, App):
        raise StartError(f"{where} is no App")
    return app


if __name__ == "__main__":
    sys.exit(main())
