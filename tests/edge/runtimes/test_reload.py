"""Reload on edit: the new code is served, and no connection is refused on the way."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.runtimes.running import lay_out, running, wait_for

pytestmark = pytest.mark.slow


def test_an_edit_is_served_and_no_connection_refused(tmp_path: Path) -> None:
    lay_out(tmp_path)
    source = tmp_path / "src" / "tiny.py"
    with running(tmp_path, "--reload") as server:
        process = server.process.pid
        port = server.port
        assert server.get("/").endswith(b"one")
        source.write_text(source.read_text().replace('"one"', '"two"'))
        wait_for(lambda: server.get("/").endswith(b"two"), server.output)  # a refused connection would raise
        assert (server.process.pid, server.port) == (process, port)
        (tmp_path / "src" / "notes.txt").write_text("this is no code")
        assert server.end() == 0
        assert server.output().count("state in") == 2


def test_an_edit_that_breaks_the_app_waits_for_the_next(tmp_path: Path) -> None:
    lay_out(tmp_path)
    source = tmp_path / "src" / "tiny.py"
    good = source.read_text()
    with running(tmp_path, "--reload") as server:
        assert server.get("/").endswith(b"one")
        source.write_text(good + "\nraise RuntimeError('half an edit')\n")
        server.until("half an edit")
        server.until("waiting for an edit")
        source.write_text(good.replace('"one"', '"three"'))
        server.until("state in", times=2)
        assert server.get("/").endswith(b"three")
        assert server.end() == 0


@pytest.fixture(params=["heard", "ignored"])
def inherited(request: pytest.FixtureRequest) -> Iterator[None]:
    """The inherited reaction to SIGINT: in the background of a shell without job control, none."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if request.param == "ignored" else signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("inherited")
def test_an_interrupt_ends_the_waiting_for_an_edit(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / "src" / "tiny.py").write_text("raise RuntimeError('half an edit')")
    with running(tmp_path, "--reload", ready=False) as server:
        server.until("waiting for an edit")
        assert server.end(signal.SIGINT) == 130
        assert server.output().count("Traceback") == 1


def test_an_edit_while_the_watching_begins_is_not_lost(tmp_path: Path) -> None:
    lay_out(tmp_path)
    source = tmp_path / "src" / "tiny.py"
    good = source.read_text()
    source.write_text("import time\nprint('reading', flush=True)\ntime.sleep(0.5)\nraise RuntimeError('half an edit')")
    with running(tmp_path, "--reload", ready=False) as server:
        server.until("reading")
        source.write_text(good)  # long before there is a watch that could see it
        assert server.get("/").endswith(b"one")
        assert server.end() == 0
