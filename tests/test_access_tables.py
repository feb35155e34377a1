"""Access tables of every app: role, reach and database of each route, compared with golden files."""

import pytest
from tests.golden_files import FOLDER, check_golden

from apps import load, packages
from edge.access_table import access_table
from edge.data import Tables


@pytest.mark.golden
@pytest.mark.parametrize("package", packages())
def test_access_table_of_an_app_is_the_golden_file(package: str) -> None:
    check_golden(FOLDER / f"{package}_access.txt", access_table(load(package)))


@pytest.mark.parametrize("package", packages())
def test_every_app_with_a_database_declares_its_tables(package: str) -> None:
    app = load(package)
    if any(field.kind == "d1" for field in app.settings.fields):
        assert isinstance(app.tables, Tables)
