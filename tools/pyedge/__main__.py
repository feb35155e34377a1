"""`python -m pyedge serve`: a Worker on one's own machine, reloaded when its sources change."""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from edge.runtimes.local.parent import follow
from pyedge.client import RESTART, STOP, Also, StartError, Worker
from pyedge.config import ConfigError


def main(arguments: list[str]) -> int:
    """Serve until a signal, or until the parent process is gone."""
    options = _parser().parse_args(arguments)
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    follow(os.getppid(), grace=2 * STOP)
    status = RESTART
    try:
        while status == RESTART:
            status = _serve(options)
    except KeyboardInterrupt:
        return 0
    except (ConfigError, StartError) as fault:
        sys.stderr.write(f"error: {fault}\n")
        return 1
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pyedge", description=__doc__)
    serve = parser.add_subparsers(required=True).add_parser("serve", help="run a Worker with hot reload")
    serve.add_argument("--config", type=Path, default=Path("wrangler.toml"))
    serve.add_argument("--env", help="an environment of the configuration")
    serve.add_argument("--also", action="append", default=[], help="ENV or CONFIG[:ENV] of another Worker beside it")
    serve.add_argument("--port", type=int, default=8787)
    serve.add_argument("--state", type=Path, help="folder of the bindings' data (default: kept in memory only)")
    serve.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="a variable or secret")
    serve.add_argument(
        "--from-env",
        action="append",
        default=[],
        metavar="NAME",
        help="a variable or secret of this process's environment",
    )
    serve.add_argument("--watchdog", type=float, default=30.0, help="seconds that Python may compute without a pause")
    serve.add_argument("--ai", help="address of a stand-in for Workers AI")
    return parser


def _serve(options: argparse.Namespace) -> int:
    environ = {name: os.environ[name] for name in options.from_env if name in os.environ}
    worker = Worker(
        options.config,
        options.env,
        variables=environ | dict(pair.split("=", 1) for pair in options.var),
        also=[_also(options.config, text) for text in options.also],
        port=options.port,
        state=options.state,
        watchdog=options.watchdog,
        ai=options.ai,
        watch=True,
        log=lambda line: print(line, file=sys.stderr, flush=True),
    )
    with worker:
        options.port = urlsplit(worker.url).port  # also for the next, after a change of the configuration
        print(f"ready in {worker.started_ms / 1000:.1f} s: {worker.url}", flush=True)
        while (status := worker.wait(0.5)) is None:
            pass
        return status


def _also(path: Path, text: str) -> Also:
    file, _, environment = text.rpartition(":") if ".toml" in text else (str(path), "", text)
    return Also(Path(file or environment), environment if file else None)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Begin the end, which no second signal disturbs: a group and a parent may each send one."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
