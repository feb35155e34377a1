"""Missing seeds are added, here and through wrangler; existing rows stay, and invalid seeds are refused."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from apps import ROOT, load, packages
from edge.access import Actor
from edge.app import App
from edge.ports import Database, KeyValue
from edge.runtimes.local.database import connect_d1
from edge.runtimes.local.key_value import LocalKeyValue
from edge.runtimes.local.migrations import migrate, statements
from edge.settings import Settings
from pyedge.client import NODE_MODULES
from seed import SEEDS, Seeding
from seeding.files import Bindings, SeedError, read
from seeding.inserts import inserts
from seeding.rehearsal import rehearse
from seeding.targets import Local, Remote
from sims.cloudflare import StorageSim
from sims.cloudflare.d1_api import ApiDatabase
from sims.cloudflare.kv_api import Namespace
from sims.cloudflare.storage import TOKEN, envelope

TABLES = """
CREATE TABLE shelves (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER CHECK (size > 0));
CREATE TABLE books (shelf TEXT NOT NULL REFERENCES shelves (id), number INTEGER NOT NULL, title TEXT, at TEXT
  DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (shelf, number));
CREATE TABLE notes (text TEXT);
"""
ROWS = """
-- two shelves; a comment may say DELETE FROM shelves
INSERT INTO shelves (id, name, size) VALUES ('a', 'it''s; "A" ON CONFLICT DO UPDATE', 3), ('b', 'B', 4)
ON CONFLICT DO NOTHING;
insert into books (shelf, number, title) values ('a', 1, 'One'), ('a', 2, NULL), ('b', 1, 'SELECT')
on conflict (shelf, number) do nothing;
"""
PAIRS: list[dict[str, Any]] = [
    {"key": "flag:a", "value": {"on": True, "word": "ü"}},
    {"key": "flag:b", "value": "plain", "expiration_ttl": 3600},
]
TOML = """
name = "library"
main = "main.py"
compatibility_date = "2026-11-17"
compatibility_flags = ["python_workers"]

[env.staging]
name = "library-staging"

[[env.staging.d1_databases]]
binding = "DB"
database_name = "library-db-staging"

[[env.staging.kv_namespaces]]
binding = "KV"

[env.other]
name = "stranger"
"""


class LibrarySettings(Settings):
    """An app with one binding of each kind, and a second namespace."""

    db: Database
    kv: KeyValue
    more: KeyValue


async def nobody() -> Actor:
    """Let nobody in: no request is sent here."""
    raise NotImplementedError


LIBRARY = App("library", version="1", settings=LibrarySettings, resources=[], authenticate=nobody)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of seeds, beside its migrations."""
    place = tmp_path / "seeds" / "library"
    place.mkdir(parents=True)
    (place / "d1.sql").write_text(ROWS)
    (place / "kv.json").write_text(json.dumps(PAIRS))
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "0001_init.sql").write_text(TABLES)
    return place


@pytest.fixture
def local(folder: Path) -> Local:
    return Local.open(LIBRARY, folder.parents[1] / "state", folder.parents[1] / "migrations")


def put(folder: Path, target: Local | Remote, **how: bool) -> list[str]:
    """Seed and return the lines of the report."""
    seeding = Seeding(target, folder.parents[1] / "migrations", **how)
    return [report.line(dry=how.get("dry", False)) for report in seeding.run(read(folder, Bindings.of(LIBRARY)))]


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(connect_d1(folder.parents[1] / "state" / "d1" / "DB.sqlite")) as connection:
        return connection.execute(sql).fetchall()


def change(folder: Path, sql: str) -> None:
    rows(folder, sql)


def stored(folder: Path, binding: str = "KV") -> list[tuple[Any, ...]]:
    with closing(LocalKeyValue(folder.parents[1] / "state" / "kv" / f"{binding}.sqlite")) as store:
        return store.connection.execute("SELECT name, value, expires_at IS NULL FROM pairs ORDER BY name").fetchall()


FIRST = [
    "D1 DB, shelves: 2 written: a, b",
    "D1 DB, books: 3 written: a-1, a-2, b-1",
    "KV KV: 2 written: flag:a, flag:b",
]
AGAIN = [line.replace("written", "there already") for line in FIRST]
OVER = [line.replace("written", "written over") for line in FIRST]


def test_rows_and_keys_are_put_here(folder: Path, local: Local) -> None:
    assert put(folder, local) == FIRST
    assert rows(folder, "SELECT id, name FROM shelves") == [("a", 'it\'s; "A" ON CONFLICT DO UPDATE'), ("b", "B")]
    assert rows(folder, "SELECT shelf, number, title FROM books") == [
        ("a", 1, "One"),
        ("a", 2, None),
        ("b", 1, "SELECT"),
    ]
    assert stored(folder) == [("flag:a", '{"on":true,"word":"ü"}'.encode(), 1), ("flag:b", b"plain", 0)]


def test_seeding_twice_changes_nothing(folder: Path, local: Local) -> None:
    put(folder, local)
    before = rows(folder, "SELECT * FROM books"), stored(folder)
    assert put(folder, local) == AGAIN
    assert (rows(folder, "SELECT * FROM books"), stored(folder)) == before


def test_seeding_keeps_changed_rows_and_adds_missing_ones(folder: Path, local: Local) -> None:
    put(folder, local)
    change(folder, "UPDATE shelves SET name = 'mine' WHERE id = 'a'")
    change(folder, "DELETE FROM books WHERE number = 2")
    pairs = [{"key": "flag:a", "value": "other"}, {"key": "flag:c", "value": "new"}]
    (folder / "kv.json").write_text(json.dumps(pairs))
    assert put(folder, local) == [
        "D1 DB, shelves: 2 there already: a, b",
        "D1 DB, books: 1 written: a-2; 2 there already: a-1, b-1",
        "KV KV: 1 written: flag:c; 1 there already: flag:a",
    ]
    assert rows(folder, "SELECT name FROM shelves WHERE id = 'a'") == [("mine",)]
    assert stored(folder)[0][1] == b'{"on":true,"word":"\xc3\xbc"}'


def test_overwriting_restores_the_seeds_values(folder: Path, local: Local) -> None:
    put(folder, local)
    change(folder, "UPDATE shelves SET size = 9")
    change(folder, "UPDATE books SET title = 'mine', at = 'then'")
    (folder / "kv.json").write_text(json.dumps([{"key": "flag:a", "value": "fresh"}, PAIRS[1]]))
    assert put(folder, local, overwrite=True) == OVER
    assert rows(folder, "SELECT id, size FROM shelves") == [("a", 3), ("b", 4)]
    assert rows(folder, "SELECT DISTINCT at FROM books") == [("then",)]
    assert stored(folder)[0][1] == b"fresh"


def test_overwriting_moves_updated_at_of_changed_rows(folder: Path, local: Local) -> None:
    added = "ALTER TABLE shelves ADD COLUMN updated_at TEXT DEFAULT 'never';"
    (folder.parents[1] / "migrations" / "0002_stamps.sql").write_text(added)
    change(folder, added)
    put(folder, local)
    change(folder, "UPDATE shelves SET size = 9 WHERE id = 'a'")
    put(folder, local, overwrite=True)
    [(a,), (b,)] = rows(folder, "SELECT updated_at FROM shelves ORDER BY id")
    assert a > "2024"
    assert a != "never" == b


def test_conflicting_row_is_reported(folder: Path, local: Local) -> None:
    change(folder, "INSERT INTO shelves VALUES ('mine', 'B', 1)")
    (folder / "d1.sql").write_text(ROWS.partition("insert into")[0])
    assert put(folder, local)[0] == ("D1 DB, shelves: 1 written: a; 1 left out, as a value of another row is unique: b")


def test_long_list_of_names_is_cut(folder: Path, local: Local) -> None:
    (folder / "d1.sql").unlink()
    (folder / "kv.json").write_text(json.dumps([{"key": f"k{number}", "value": ""} for number in range(9)]))
    assert put(folder, local) == ["KV KV: 9 written: k0, k1, k2, k3, k4 and 4 more"]


def test_many_rows_are_asked_for_in_parts(folder: Path, local: Local) -> None:
    (folder / "kv.json").unlink()
    many = ", ".join(f"('s{number}', 'n{number}', 1)" for number in range(1000))
    (folder / "d1.sql").write_text(f"INSERT INTO shelves (id, name, size) VALUES {many} ON CONFLICT DO NOTHING;")
    assert put(folder, local)[0].startswith("D1 DB, shelves: 1000 written: s0, s1, s10")
    assert put(folder, local)[0].startswith("D1 DB, shelves: 1000 there already: ")


def test_another_binding_has_a_file_of_its_own(folder: Path, local: Local) -> None:
    (folder / "kv.MORE.json").write_text('[{"key": "x", "value": "y"}]')
    assert put(folder, local)[2:] == ["KV MORE: 1 written: x", "KV KV: 2 written: flag:a, flag:b"]
    assert stored(folder, "MORE") == [("x", b"y", 1)]


SHELF = "INSERT INTO shelves (id, name, size) VALUES ('a', 'A', 1)"


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM shelves;",
        f"{SHELF};",
        "INSERT OR REPLACE INTO shelves (id) VALUES ('a') ON CONFLICT DO NOTHING;",
        "REPLACE INTO shelves (id) VALUES ('a') ON CONFLICT DO NOTHING;",
        "INSERT INTO shelves VALUES ('a', 'A', 1) ON CONFLICT DO NOTHING;",
        "INSERT INTO shelves (id) SELECT id FROM shelves ON CONFLICT DO NOTHING;",
        "INSERT INTO shelves (id) VALUES ((SELECT 'a')) ON CONFLICT DO NOTHING;",
        f"{SHELF} ON CONFLICT (id) DO UPDATE SET size = 2;",
        f"{SHELF} ON CONFLICT (name) DO UPDATE SET size = 2 ON CONFLICT DO NOTHING;",
        f"{SHELF} ON CONFLICT DO NOTHING RETURNING id;",
        f"{SHELF} ON CONFLICT DO NOTHING; DROP TABLE shelves;",
        f"{SHELF} ON CONFLICT DO NOTHING -- ;\n; DROP TABLE shelves",
        f"{SHELF} -- ON CONFLICT DO NOTHING;",
        "WITH x AS (SELECT 1) INSERT INTO shelves (id) VALUES ('a') ON CONFLICT DO NOTHING;",
        "INSERT INTO main.shelves (id) VALUES ('a') ON CONFLICT DO NOTHING;",
    ],
)
def test_sql_that_says_anything_else_is_refused(folder: Path, sql: str) -> None:
    (folder / "d1.sql").write_text(f"\n\n{sql}")
    with pytest.raises(SeedError, match=r"d1\.sql, line [34]: a seed says nothing but INSERT"):
        read(folder, Bindings.of(LIBRARY))


def test_a_statement_is_taken_apart() -> None:
    [first, second] = inserts(ROWS)
    assert (first.table, first.columns) == ("shelves", ("id", "name", "size"))
    assert (second.table, second.columns) == ("books", ("shelf", "number", "title"))
    assert first.overwriting(["id"]).endswith(
        "ON CONFLICT (id) DO UPDATE SET name = excluded.name, size = excluded.size "
        "WHERE (shelves.name, shelves.size) IS NOT (excluded.name, excluded.size);"
    )
    assert ", size = excluded.size, updated_at = CURRENT_TIMESTAMP WHERE" in first.overwriting(["id"], "updated_at")
    assert inserts("-- nothing\n;\n") == []


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("INSERT INTO shelves (id, name, size) VALUES ('', '', 0) ON CONFLICT DO NOTHING;", "CHECK constraint failed"),
        ("INSERT INTO books (shelf, number) VALUES ('x', 1) ON CONFLICT DO NOTHING;", "FOREIGN KEY constraint failed"),
        ("INSERT INTO shelfs (id) VALUES ('x') ON CONFLICT DO NOTHING;", "no such table: shelfs"),
        ("INSERT INTO notes (text) VALUES ('x') ON CONFLICT DO NOTHING;", "notes has no primary key"),
        (
            "INSERT INTO shelves (id, name) VALUES (hex(randomblob(4)), hex(randomblob(4))) ON CONFLICT DO NOTHING;",
            "run twice, it adds rows twice",
        ),
    ],
)
def test_rows_that_do_not_fit_are_refused_before_anything_is_written(
    folder: Path, local: Local, sql: str, message: str
) -> None:
    (folder / "d1.sql").write_text(f"{ROWS}{sql}")
    with pytest.raises(SeedError, match=message) as refused:
        put(folder, local)
    assert "\n" not in str(refused.value)
    assert rows(folder, "SELECT * FROM shelves") == []
    assert stored(folder) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("kv.json", "{", r"kv\.json: Expecting"),
        ("kv.json", '{"a": "b"}', r"kv\.json, the whole: Input should be a valid list"),
        ("kv.json", '[{"key": "a"}]', r"kv\.json, 0 value: Field required"),
        ("kv.json", '[{"key": "a", "value": 1}]', r"kv\.json, 0 value: Input should be a valid string"),
        ("kv.json", '[{"key": "a", "value": "", "ttl": 60}]', r"kv\.json, 0 ttl: Extra inputs"),
        ("kv.json", '[{"key": "a", "value": "", "expiration_ttl": 59}]', r"kv\.json: .*60"),
        ("kv.json", '[{"key": "", "value": ""}]', r"kv\.json: a name has"),
        ("kv.json", '[{"key": "a", "value": ""}, {"key": "a", "value": ""}]', r"kv\.json: a is there twice"),
        ("kv.OTHER.json", "[]", "no KV binding OTHER; there are KV, MORE"),
        ("kv.KV.json", "[]", "there is another file for KV"),
        ("d1.json", "[]", "a seed is d1.sql or kv.json"),
        ("readme.txt", "", "a seed is d1.sql or kv.json"),
    ],
)
def test_files_that_are_unfit_are_refused(folder: Path, name: str, content: str, message: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(SeedError, match=message):
        read(folder, Bindings.of(LIBRARY))


def test_an_app_without_a_binding_has_no_seed_for_it(folder: Path) -> None:
    with pytest.raises(SeedError, match="the app has no KV binding"):
        read(folder, Bindings(["DB"], []))
    (folder / "kv.json").unlink()
    with pytest.raises(SeedError, match="the app has no D1 binding"):
        read(folder, Bindings([], ["KV"]))


# ---- the command ------------------------------------------------------------------------------------


def command(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    own = os.environ | {"APP": "", "PYTHONPATH": "src:tools"} | env
    run = [sys.executable, "tools/seed.py", *arguments]
    return subprocess.run(run, cwd=ROOT, env=own, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_command_puts_the_demonstration_car(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    assert "drives: 3 to write" in command("--dry-run", STATE=state).stdout
    assert not (tmp_path / "state").exists()
    first = command(STATE=state)
    assert (first.returncode, first.stderr) == (0, "")
    assert [line.partition(": ")[2].partition(":")[0] for line in first.stdout.splitlines()[1:]] == [
        "1 written",
        "3 written",
        "2 written",
        "1 written",
    ]
    assert command("core_tessie", STATE=state).stdout == first.stdout.replace("written", "there already")
    assert "1 to write over" in command("--overwrite", "--dry-run", STATE=state).stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "error: there is no app nope in src/"),
        (["--remote", "nowhere"], "has no [env.nowhere]"),
    ],
)
def test_the_command_refuses_in_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    refused = command(*arguments, STATE=str(tmp_path))
    assert (refused.returncode, refused.stderr.count("\n"), refused.stdout) == (2, 1, "")
    assert message in refused.stderr


@pytest.mark.slow
def test_unusable_state_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    refused = command(STATE=str(tmp_path / "state"))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "cannot be used" in refused.stderr


@pytest.mark.parametrize("package", [path.name for path in SEEDS.iterdir() if path.name in packages()])
def test_the_seeds_of_the_repository_fit_their_apps(package: str) -> None:
    app = load(package)
    seeds = read(SEEDS / package, Bindings.of(app))
    assert seeds.rows or seeds.pairs
    for row in seeds.rows.values():
        assert rehearse(row, ROOT / "migrations" / app.migrations)


def test_demonstration_car_is_marked_as_such(tmp_path: Path) -> None:
    path = tmp_path / "d1.sqlite"
    migrate(path, ROOT / "migrations")
    with closing(connect_d1(path)) as connection:
        for insert in inserts((SEEDS / "core_tessie" / "d1.sql").read_text()):
            connection.execute(insert.sql)
        [(vin, name)] = connection.execute("SELECT vin, display_name FROM vehicles").fetchall()
        assert (len(vin), "Demonstration" in name, "DEM" in vin) == (17, True, True)
        assert connection.execute("SELECT count(*) FROM drives WHERE ended_at <= started_at").fetchone() == (0,)


# ---- at Cloudflare -------------------------------------------------------------------------------------


@pytest.fixture
def sim() -> Iterator[StorageSim]:
    if not NODE_MODULES.joinpath("wrangler").is_dir():
        pytest.skip("node_modules is not there: wrangler is run by `make test`")
    with StorageSim() as running:
        yield running


@pytest.fixture
def there(sim: StorageSim) -> tuple[ApiDatabase, Namespace]:
    """A simulated Cloudflare: a database with its migrations, and a namespace of two keys a page."""
    database, namespace = sim.add_database("library-db-staging"), sim.add_namespace("library-staging", "KV")
    database.query({"sql": TABLES})
    namespace.page = 2
    return database, namespace


@pytest.fixture
def remote(folder: Path, sim: StorageSim) -> Remote:
    return Remote(LIBRARY, "staging", toml(folder), os.environ | sim.environment)


def toml(folder: Path) -> Path:
    config = folder.parents[1] / "wrangler.toml"
    config.write_text(TOML)
    return config


@pytest.mark.soak  # wrangler starts a dozen times
def test_wrangler_seeds_missing_rows_and_keys_and_overwrites_on_demand(
    folder: Path, remote: Remote, sim: StorageSim, there: tuple[ApiDatabase, Namespace]
) -> None:
    database, namespace = there
    namespace.pairs |= {"flag:0": ("", None), "flag:00": ("", None), "flag:b": ("mine", None)}
    database.query({"sql": "INSERT INTO shelves VALUES ('b', 'mine', 1)"})
    assert put(folder, remote, dry=True)[2] == "KV KV: 1 to write: flag:a; 1 there already: flag:b"
    assert not [request for request in sim.asked if request.startswith("PUT") or request.endswith("/import")]
    assert put(folder, remote) == [
        "D1 DB, shelves: 1 written: a; 1 there already: b",
        "D1 DB, books: 3 written: a-1, a-2, b-1",
        "KV KV: 1 written: flag:a; 1 there already: flag:b",
    ]
    assert namespace.pairs["flag:a"] == ('{"on":true,"word":"ü"}', None)
    assert namespace.pairs["flag:b"] == ("mine", None)
    assert database.query({"sql": "SELECT name FROM shelves WHERE id = 'b'"})[0]["results"] == [{"name": "mine"}]
    bookmark = database.bookmark
    sim.asked.clear()
    assert put(folder, remote) == AGAIN
    assert database.bookmark == bookmark + 1  # the one look
    assert not [request for request in sim.asked if request.startswith("PUT") or request.endswith("/import")]

    database.query({"sql": "UPDATE shelves SET size = 9"})
    assert put(folder, remote, overwrite=True) == OVER
    value, _ = namespace.pairs["flag:b"]
    assert value == "plain"
    assert database.query({"sql": "SELECT size FROM shelves ORDER BY size"})[0]["results"] == [{"size": 3}, {"size": 4}]


@pytest.mark.slow
def test_refusal_of_cloudflare_is_one_line_without_the_token(
    folder: Path, remote: Remote, sim: StorageSim, there: tuple[ApiDatabase, Namespace]
) -> None:
    there[0].query({"sql": "DROP TABLE books"})
    with pytest.raises(SeedError, match=r"no such table: books: SQLITE_ERROR .*; apply the migrations first"):
        put(folder, remote)
    sim.failure = envelope(403, errors=[{"code": 10000, "message": "Authentication error"}])
    with pytest.raises(SeedError, match="Authentication error") as refused:
        put(folder, remote)
    assert TOKEN not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_environment_of_another_worker_is_refused(folder: Path) -> None:
    with pytest.raises(SeedError, match=r"\[env.other\] is stranger, which is no environment of library"):
        Remote(LIBRARY, "other", toml(folder))


@pytest.mark.slow
def test_the_command_seeds_an_environment(sim: StorageSim, tmp_path: Path) -> None:
    database = sim.add_database("tessie-db-staging")
    for file in sorted((ROOT / "migrations").glob("*.sql")):
        database.query({"sql": "".join(statements(file.read_text()))})
    done = command("--remote", "staging", STATE=str(tmp_path / "state"), **sim.environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "D1 DB, drives: 3 written" in done.stdout
    assert not (tmp_path / "state").exists()
    assert len(database.query({"sql": "SELECT id FROM drives"})[0]["results"]) == 3
