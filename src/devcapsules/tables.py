"""The tables: roles that read and write them, and the owners of their rows. The migrations define their columns.

Users are members; widget keys and page tokens are bound to the account of their owner.
"""

from devcapsules.schema import SCHEMA
from edge import PUBLIC, READER
from edge.auth.accounts.tables import PRIVATE, USERS
from edge.data import BOUND, MEMBER, OWNER, Part, Table, Tables
from edge.data.limits import at_most

_OWNERS = "owner_id IN (SELECT value FROM json_each(:subjects))"
_TEAMS = "(SELECT team_id FROM main.team_members WHERE user_id = :caller)"
_SHARED = f"(SELECT capsule_id FROM main.team_capsules WHERE team_id IN {_TEAMS})"
_EDITED = f"capsule_id IN (SELECT id FROM main.capsules WHERE owner_id = :caller) OR capsule_id IN {_SHARED}"
"""The condition of capsules that a user may change: the user's own, and those shared with the user's teams."""
_WRITTEN = "capsule_id IN (SELECT id FROM main.capsules WHERE owner_id = :caller)"
"""The condition of capsules that are a user's own."""
_READABLE = "visibility IN ('unlisted', 'public') AND taken_down_at IS NULL"
_CURRENT = (
    "EXISTS (SELECT 1 FROM main.capsules AS c WHERE c.id = capsule_versions.capsule_id "
    "AND c.version = capsule_versions.version AND c.visibility IN ('unlisted', 'public') AND c.taken_down_at IS NULL)"
)
_ACCOUNT = {MEMBER: "user_id = :caller", BOUND: "false", OWNER: "false"}
_OWN_TEAM = "team_id IN (SELECT id FROM main.teams WHERE owner_id = :caller)"
_TEAMS_OWNER = (
    "EXISTS (SELECT 1 FROM main.teams AS t WHERE t.id = team_members.team_id AND t.owner_id = team_members.user_id)"
)

MOST_KEYS = 50
MOST_TEAMS = 20
MOST_MEMBERS = 100
_TEAM_SIZE = "(SELECT count(*) FROM main.team_members AS m WHERE m.team_id = team_members.team_id)"

TABLES = Tables(
    SCHEMA,
    USERS,
    *PRIVATE,
    Table(
        "api_keys",
        read=READER,
        write=READER,
        own=_ACCOUNT,
        check={MEMBER: at_most(MOST_KEYS, "api_keys", "k.revoked_at IS NULL")},
    ),
    Table(
        "capsules",
        read=PUBLIC,
        write=READER,
        public=_READABLE,
        own={
            MEMBER: f"owner_id = :caller OR id IN {_SHARED}",
            BOUND: f"{_OWNERS} AND {_READABLE}",
            OWNER: "false",
        },
        check={MEMBER: "owner_id = :caller AND taken_down_at IS NULL", BOUND: "false"},
        writable=(
            "title",
            "language",
            "difficulty",
            "visibility",
            "tags",
            "search_text",
            "time_limit_ms",
            "solution_after",
            "version",
            "forked_from",
            "forked_author_id",
            "created_at",
            "updated_at",
        ),
        parts=[Part("own_capsules", {MEMBER: "owner_id = :caller"}, columns=("visibility",), deletes=True)],
    ),
    Table(
        "capsule_versions",
        read=PUBLIC,
        write=READER,
        public=_CURRENT,
        own={MEMBER: _EDITED, BOUND: "false", OWNER: "false"},
    ),
    Table("capsule_answers", read=READER, write=READER, own={MEMBER: _EDITED, BOUND: "false", OWNER: "false"}),
    Table("generation_jobs", read=READER, own=_ACCOUNT),
    Table("executions", read=READER, own=_ACCOUNT),
    Table("usage_daily", read=READER, own=_ACCOUNT),
    Table("analytics_events", read=READER, own={MEMBER: _EDITED, BOUND: "false", OWNER: "false"}),
    Table(
        "teams",
        read=READER,
        write=READER,
        own={MEMBER: f"owner_id = :caller OR id IN {_TEAMS}", BOUND: "false", OWNER: "false"},
        check={MEMBER: at_most(MOST_TEAMS, "teams", owner="owner_id")},
        parts=[Part("own_teams", {MEMBER: "owner_id = :caller"}, columns=("name",), deletes=True)],
    ),
    Table(
        "team_members",
        read=READER,
        write=READER,
        own={
            MEMBER: f"user_id = :caller OR team_id IN {_TEAMS} OR {_OWN_TEAM}",
            BOUND: "false",
            OWNER: "false",
        },
        check={MEMBER: f"{_OWN_TEAM} AND {_TEAM_SIZE} < {MOST_MEMBERS}"},
        parts=[
            Part(
                "removable_members",
                {MEMBER: f"(user_id = :caller OR {_OWN_TEAM}) AND NOT {_TEAMS_OWNER}"},
                deletes=True,
            )
        ],
    ),
    Table(
        "team_capsules",
        read=READER,
        write=READER,
        own={MEMBER: f"team_id IN {_TEAMS}", BOUND: "false", OWNER: "false"},
        check={MEMBER: _WRITTEN},
        parts=[
            Part("own_shares", {MEMBER: _WRITTEN}, deletes=True),
            Part("removable_shares", {MEMBER: f"{_WRITTEN} OR {_OWN_TEAM}"}, deletes=True),
        ],
    ),
    Table("reports"),
    Table("progress", read=READER, own=_ACCOUNT),
    Table("admin_audit"),
)
"""A team's member changes the capsules shared with it; only the owner publishes and deletes them.

Members leave a team, and only its owner removes others; the owner cannot leave.
"""
