"""The tables: a user of Discord has its own subscriptions, operators read the audit log, the rest is the bot's."""

from discord_bot.schema import SCHEMA
from edge import OPERATOR, READER
from edge.data import MEMBER, OWNER, Table, Tables

TABLES = Tables(
    SCHEMA,
    Table("audit", read=OPERATOR),
    Table("leases", private=True),
    Table("notices", private=True),
    Table(
        "subscriptions",
        read=READER,
        write=READER,
        own={MEMBER: "user_id = :caller", OWNER: "false"},
        writable=("topics",),
    ),
)
