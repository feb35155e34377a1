"""The tables: roles that read and write them, and the owners of their rows. The migrations define their columns."""

from edge import READER
from edge.auth.accounts.tables import PRIVATE, USERS
from edge.data import MEMBER, OWNER, Table, Tables
from edge.data.limits import at_most
from vinyl_vault.schema import SCHEMA

OWN = {MEMBER: "user_id = :caller", OWNER: "false"}
"""A user owns the rows with the user's id; other callers own none."""

MOST_SHARES = 20
MOST_WAITING = 20
"""Most unfinished imports of a user."""
MOST_STORED = 1024**3
"""Most bytes of a user's own covers."""
_STORED = "(SELECT coalesce(sum(k.bytes), 0) FROM main.own_covers AS k WHERE k.user_id = :caller)"

TABLES = Tables(
    SCHEMA,
    USERS,
    *PRIVATE,
    Table("collections", read=READER, write=READER, own=OWN),
    Table("sync_heads", read=READER, write=READER, own=OWN),
    Table("sync_queue", read=READER, write=READER, own=OWN),
    Table("sync_conflicts", read=READER, write=READER, own=OWN),
    Table("chat_days", read=READER, write=READER, own=OWN),
    Table(
        "imports",
        read=READER,
        write=READER,
        own=OWN,
        check={MEMBER: at_most(MOST_WAITING, "imports", "k.state <> 'done'")},
    ),
    Table("daily_values", read=READER, own=OWN),
    Table("details_due", read=READER, write=READER, own=OWN),
    Table("leases", private=True),
    Table(
        "own_covers",
        read=READER,
        write=READER,
        own=OWN,
        check={MEMBER: f"user_id = :caller AND {_STORED} + bytes <= {MOST_STORED}"},
    ),
    Table("shares", read=READER, write=READER, own=OWN, check={MEMBER: at_most(MOST_SHARES, "shares")}),
    Table("admin_audit"),
)
