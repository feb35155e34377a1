"""The tables. Services alone read their rows; no handler reads one itself."""

from edge.data import Table, Tables
from platform_api.schema import SCHEMA

TABLES = Tables(
    SCHEMA,
    Table("leases", private=True),
    Table("passages", private=True),
    Table("submissions", private=True),
)
