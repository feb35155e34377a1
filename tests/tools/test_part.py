"""`make migration`: a part's tables as an app's next migration, with the number after the last, and its schema."""

from pathlib import Path
from shutil import copytree

import pytest

import part
import schema
from apps import ROOT

PARTS = sorted(path.stem for path in part.PARTS.glob("*.sql"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    copytree(ROOT / "migrations", tmp_path / "migrations")
    (tmp_path / "src" / "platform_api").mkdir(parents=True)
    return tmp_path


def test_every_part_says_how_its_tables_are_declared() -> None:
    assert [*part.DECLARATIONS] == PARTS


@pytest.mark.parametrize("name", PARTS)
def test_migration_has_next_number_and_schema_has_its_tables(root: Path, name: str) -> None:
    place = root / "migrations" / "platform_api"
    last = max(int(file.name[:4]) for file in place.glob("*.sql"))
    written = part.write(name, "platform_api", root)
    assert written.name == f"{last + 1:04}_{name}.sql"
    assert (root / "src" / "platform_api" / "schema.py").read_text() == schema.rendered(schema.read(place))
    tables = {line.split()[2] for line in written.read_text().splitlines() if line.startswith("CREATE TABLE")}
    assert tables <= {*schema.read(place).relations}


def test_part_that_is_there_is_refused_and_leaves_no_file(root: Path) -> None:
    part.write("accounts", "platform_api", root)
    before = sorted((root / "migrations" / "platform_api").glob("*.sql"))
    with pytest.raises(part.Refused, match="already exists"):
        part.write("accounts", "platform_api", root)
    assert sorted((root / "migrations" / "platform_api").glob("*.sql")) == before


@pytest.mark.parametrize(("name", "package"), [("", "platform_api"), ("../x", "platform_api"), ("accounts", "nothing")])
def test_unknown_part_or_app_is_one_line_and_exit_code_2(
    name: str, package: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert part.main({"PART": name, "APP": package}) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("name", ["accounts", "tickets"])
def test_app_of_the_tests_has_the_tables_of_the_part(name: str) -> None:
    (copy,) = (ROOT / "tests" / "edge" / "accounts" / "worker" / "migrations").glob(f"*_{name}.sql")
    assert copy.read_text() == (part.PARTS / f"{name}.sql").read_text()


def test_schema_of_the_app_of_the_tests_is_that_of_its_migrations() -> None:
    place = ROOT / "tests" / "edge" / "accounts"
    assert (place / "site" / "schema.py").read_text() == schema.rendered(schema.read(place / "worker" / "migrations"))
