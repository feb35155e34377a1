"""The tables: what is in them goes out through the services that count and carry, so no handler reads a row itself."""

from edge.data import Table, Tables
from platform_api.schema import SCHEMA

TABLES = Tables(
    SCHEMA,
    Table("leases", private=True),
    Table("passages", private=True),
    Table("submissions", private=True),
)
