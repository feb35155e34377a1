"""The tables: roles that read and write them, and the owners of their rows. The migrations define their columns."""

from edge import READER
from edge.auth.accounts.tables import PRIVATE, USERS
from edge.data import MEMBER, OWNER, Table, Tables
from vinyl_vault.schema import SCHEMA

OWN = {MEMBER: "user_id = :caller", OWNER: "false"}
"""A user owns the rows with the user's id; other callers own none."""

TABLES = Tables(
    SCHEMA,
    USERS,
    *PRIVATE,
    Table("collections", read=READER, write=READER, own=OWN),
    Table("sync_heads", read=READER, write=READER, own=OWN),
    Table("sync_queue", read=READER, write=READER, own=OWN),
    Table("sync_conflicts", read=READER, write=READER, own=OWN),
    Table("chat_days", read=READER, write=READER, own=OWN),
    Table("imports", read=READER, write=READER, own=OWN),
    Table("daily_values", read=READER, own=OWN),
    Table("details_due", read=READER, write=READER, own=OWN),
    Table("leases", private=True),
    Table("own_covers", read=READER, write=READER, own=OWN),
    Table("shares", read=READER, write=READER, own=OWN),
    Table("admin_audit"),
)
