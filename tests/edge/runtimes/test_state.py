"""The state folder: migrations, unusable files, and data that outlives a process."""

import asyncio
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.edge.runtimes.running import lay_out, running
from tests.edge.runtimes.tiny import app, nobody

from edge.app import App
from edge.ports import DatabaseError, Limit, RateLimiter
from edge.runtimes.local.database import LocalDatabase, connect_d1, execute, time_limit
from edge.runtimes.local.key_value import LocalKeyValue
from edge.runtimes.local.migrations import MigrationError, migrate, statements
from edge.runtimes.local.runtime import LocalRuntime, StartError, make_state
from edge.settings import Settings


def tables(path: Path) -> list[str]:
    """Return the names of a database's own tables."""
    connection = sqlite3.connect(path)
    names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").fetchall()
    connection.close()
    return [name for (name,) in names if not name.startswith(("sqlite_", "d1_"))]


def write(folder: Path, **files: str) -> Path:
    """Write migrations; the key `m0001_a` makes the file `0001_a.sql`."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name[1:]}.sql").write_text(text)
    return folder


def test_migrations_are_applied_once_and_in_order(tmp_path: Path) -> None:
    database = tmp_path / "db.sqlite"
    folder = write(tmp_path / "m", m0002_b="ALTER TABLE a ADD COLUMN b;", m0001_a="CREATE TABLE a (id);")
    (folder / "sibling").mkdir()
    (folder / "sibling" / "0001_other.sql").write_text("CREATE TABLE other (id);")
    (folder / "notes.sql").write_text("CREATE TABLE notes (id);")
    assert migrate(database, folder) == ["0001_a.sql", "0002_b.sql"]
    assert migrate(database, folder) == []
    assert tables(database) == ["a"]
    connection = sqlite3.connect(database)
    rows = connection.execute("SELECT id, name FROM d1_migrations").fetchall()
    connection.close()
    assert rows == [(1, "0001_a.sql"), (2, "0002_b.sql")]


def test_migrations_leave_statistics_to_plan_by(tmp_path: Path) -> None:
    many = "INSERT INTO a WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500) SELECT i, 7 FROM n;"
    folder = write(tmp_path / "m", m0001_a=f"CREATE TABLE a (id, b); CREATE INDEX a_b ON a (b); {many}")
    migrate(tmp_path / "db.sqlite", folder)
    connection = sqlite3.connect(tmp_path / "db.sqlite")
    statistics = connection.execute("SELECT idx, stat FROM sqlite_stat1 WHERE tbl = 'a'").fetchall()
    connection.close()
    assert statistics == [("a_b", "500 500")]


def test_a_migration_that_lands_between_is_applied(tmp_path: Path) -> None:
    database = tmp_path / "db.sqlite"
    folder = write(tmp_path / "m", m0001_a="CREATE TABLE a (id);", m0003_c="SELECT 1;")
    migrate(database, folder)
    write(folder, m0002_b="CREATE TABLE b (id);")
    assert migrate(database, folder) == ["0002_b.sql"]


@pytest.mark.parametrize(
    "bad", ["SELEKT 1;", "INSERT INTO a VALUES (1);", "COMMIT;", "CREATE TABLE c (", "ATTACH 'x' AS x"]
)
def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, bad: str) -> None:
    database = tmp_path / "db.sqlite"
    folder = write(tmp_path / "m", m0001_a="CREATE TABLE a (id NOT NULL UNIQUE);")
    migrate(database, folder)
    write(folder, m0002_b=f"CREATE TABLE b (id); INSERT INTO a VALUES (1); {bad}")
    with pytest.raises(MigrationError, match=r"0002_b\.sql: .*; nothing of it was applied"):
        migrate(database, folder)
    assert tables(database) == ["a"]
    write(folder, m0002_b="CREATE TABLE b (id);")
    assert migrate(database, folder) == ["0002_b.sql"]


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    database = tmp_path / "db.sqlite"
    folder = write(tmp_path / "m", m0001_a="CREATE TABLE a (id);", m0002_b="SELECT 1;")
    migrate(database, folder)
    (folder / "0002_b.sql").unlink()
    with pytest.raises(MigrationError, match=r"made by a newer version: it has 0002_b\.sql"):
        migrate(database, folder)


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("SELECT 1; SELECT 2", 2),
        ("SELECT ';'; -- one; two\nSELECT 2;", 2),
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END; SELECT 3;", 2),
        ("/* a; b */ SELECT 1;", 1),
        ("-- nothing; at all", 0),
        ("", 0),
    ],
)
def test_a_script_is_split_into_statements(script: str, count: int) -> None:
    assert len([statement for statement in statements(script) if "SELECT" in statement]) == count


def test_a_call_that_takes_too_long_is_interrupted(tmp_path: Path) -> None:
    connection = connect_d1(tmp_path / "db.sqlite")
    with pytest.raises(DatabaseError, match="took longer than"), time_limit(connection, 0.01):
        execute(connection, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
    assert execute(connection, "SELECT 1 AS one").rows == [{"one": 1}]
    connection.close()


def test_committed_rows_outlive_the_process(tmp_path: Path) -> None:
    async def write_it(db: LocalDatabase) -> None:
        await db.run("CREATE TABLE a (id)")
        await db.run("INSERT INTO a VALUES (1)")

    first = LocalDatabase(tmp_path / "db.sqlite")
    asyncio.run(write_it(first))
    second = LocalDatabase(tmp_path / "db.sqlite")  # while the first one is still open, as after a kill
    assert asyncio.run(second.all("SELECT * FROM a")) == [{"id": 1}]
    first.close()
    second.close()


def test_a_value_is_gone_when_its_lifetime_is_over(tmp_path: Path) -> None:
    kv = LocalKeyValue(tmp_path / "kv.sqlite")
    asyncio.run(kv.put("a", b"1", ttl=60))
    connection = sqlite3.connect(tmp_path / "kv.sqlite")
    connection.execute("UPDATE pairs SET expires_at = expires_at - 61")
    connection.commit()
    connection.close()
    assert asyncio.run(kv.get("a")) is None
    assert asyncio.run(kv.list()).names == []
    kv.close()


def test_the_state_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    runtime = LocalRuntime.open(app, tmp_path / "deep" / "state", {})
    asyncio.run(runtime.stop())
    assert stat.S_IMODE((tmp_path / "deep" / "state").stat().st_mode) == 0o700


@pytest.fixture
def lax() -> Iterator[None]:
    """Set a umask under which new files are everybody's by default."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    """Return the rights of group and others to a folder and its files, if there are any."""
    by_path = {str(path): stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*"))}
    return {path: mode & 0o077 for path, mode in by_path.items() if mode & 0o077}


@pytest.mark.usefixtures("lax")
def test_new_state_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    state = tmp_path / "deep" / "state"
    asyncio.run(LocalRuntime.open(app, state, {}).stop())
    assert len([*state.rglob("*.sqlite")]) >= 4
    assert modes(state) == {}


def test_state_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    state = tmp_path / "state"
    asyncio.run(LocalRuntime.open(app, state, {}).stop())
    for name in ("r2/FILES/files/0a1b", "cron.json", "admin_api_key", "d1/DB.sqlite-wal", "events/EVENTS.sqlite"):
        (state / name).parent.mkdir(exist_ok=True)
        (state / name).write_bytes(b"")
    for path in (state, *state.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o666)
    make_state(state)
    assert modes(state) == {}
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "d1" / "DB.sqlite").stat().st_mode) == 0o600


def test_files_that_are_not_of_the_state_are_left_alone(tmp_path: Path) -> None:
    state, outside = tmp_path / "state", tmp_path / "outside.sqlite"
    (state / "d1").mkdir(parents=True)
    for path in (outside, state / "README", state / "own" / "notes.sqlite"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
        path.chmod(0o644)
    (state / "d1" / "linked.sqlite").symlink_to(outside)
    make_state(state)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (outside, state / "README")] == [0o644, 0o644]


def test_link_to_a_state_folder_closes_the_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o755)
    (tmp_path / "state").symlink_to(tmp_path / "real")
    make_state(tmp_path / "state")
    assert modes(tmp_path / "real") == {}


def test_folder_of_everybody_is_no_state(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o1777)
    with pytest.raises(StartError, match=r"the state folder .* cannot be used: it is shared by all users") as raised:
        LocalRuntime.open(app, tmp_path / "state", {})
    assert "\n" not in str(raised.value)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o1777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("what", [".", "d1/DB.sqlite"])
def test_state_that_cannot_be_closed_is_refused_in_one_line(what: str) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        state = Path(place) / "state"
        asyncio.run(LocalRuntime.open(app, state, {}).stop())
        nobody_s = [Path(place), *(path for path in (state, *state.rglob("*")) if path != state / what)]
        for path in nobody_s:
            os.chown(path, 65534, 65534)
        (state / what).chmod(0o777)
        os.seteuid(65534)
        try:
            with pytest.raises(StartError, match=r"is open to others \(mode 777\), which cannot be changed") as raised:
                LocalRuntime.open(app, state, {})
        finally:
            os.seteuid(0)
    assert str(raised.value).startswith(f"the state folder {state} cannot be used: ")
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.usefixtures("lax")
def test_server_writes_nothing_that_others_may_read(tmp_path: Path) -> None:
    lay_out(tmp_path)
    (tmp_path / ".state").mkdir(mode=0o755)
    with running(tmp_path) as server:
        assert server.get("/file", "PUT", b"content").endswith(b"\r\n7")
        assert modes(tmp_path / ".state") == {}


def test_state_that_is_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StartError, match=r"the state folder .* cannot be used: File exists"):
        LocalRuntime.open(app, tmp_path / "state", {})


@pytest.mark.parametrize("file", ["d1/DB.sqlite", "kv/KV.sqlite", "r2/FILES/objects.sqlite", "queues.sqlite"])
def test_a_corrupt_file_is_one_line(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_bytes(b"this is no database" * 100)
    with pytest.raises(StartError, match="file is not a database") as raised:
        LocalRuntime.open(app, tmp_path, {})
    assert "\n" not in str(raised.value)


def test_the_environment_goes_before_nothing_and_a_bad_setting_stops_nothing(tmp_path: Path) -> None:
    runtime = LocalRuntime.open(app, tmp_path, {"KEY": "hunter2", "LOG_LEVEL": "loud"})
    assert runtime.settings.key.get_secret_value() == "hunter2"
    assert "log_level" in runtime.settings.faults
    asyncio.run(runtime.stop())


def test_a_rate_limiter_counts_as_the_app_says_which_has_to_say_so(tmp_path: Path) -> None:
    class Limited(Settings):
        limiter: RateLimiter

    def limited(limits: dict[str, Limit]) -> LocalRuntime:
        app = App("limited", version="1", settings=Limited, resources=[], authenticate=nobody, limits=limits)
        return LocalRuntime.open(app, tmp_path, {})

    async def run() -> None:
        runtime = limited({"LIMITER": Limit(0, 60)})
        assert (await runtime.settings.limiter.take("anyone")).ok is False
        await runtime.stop()

    asyncio.run(run())
    with pytest.raises(StartError, match="no limit for the binding LIMITER"):
        limited({})
