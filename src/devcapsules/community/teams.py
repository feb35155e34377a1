"""`/api/v1/teams`: members of a team can change the capsules shared with it. Requires the plan team or enterprise."""

import secrets
from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from devcapsules.access.callers import USERS
from devcapsules.access.plans import WITH_TEAMS, PlanLimits
from devcapsules.capsules.catalogue import CapsuleNotFound
from devcapsules.cases import CLEAN
from edge import READER, Actor, Body, Clock, Forbidden, NotFound, Routes, SystemDatabase
from edge.auth.accounts.settings import EmailAddress
from edge.auth.accounts.users import key_of
from edge.data import ScopedDatabase
from edge.errors import StorageConflict
from edge.instants import to_text
from edge.ports import Row, Statement
from edge.rows import row_as

routes = Routes("/api/v1/teams", tag="teams", access=READER, reach=USERS)

MOST_TEAMS = 20
MOST_MEMBERS = 100
_TEAMS = "SELECT id, name, owner_id, created_at FROM teams ORDER BY created_at, id LIMIT 100"
_MEMBERS = "SELECT m.user_id, m.created_at FROM team_members AS m WHERE m.team_id = ? ORDER BY m.created_at, m.user_id"
_NAMES = "SELECT u.id, u.name FROM users AS u JOIN team_members AS m ON m.user_id = u.id WHERE m.team_id = ?"
_SHARED = "SELECT capsule_id FROM team_capsules WHERE team_id = ? ORDER BY created_at, capsule_id"
_ADD_TEAM = (
    "INSERT INTO teams (id, owner_id, name, created_at) "
    "SELECT ?, ?, ?, ? WHERE (SELECT count(*) FROM teams WHERE owner_id = ?) < ? RETURNING id"
)
_ADD_MEMBER = (
    "INSERT INTO team_members (team_id, user_id, created_at) SELECT t.id, u.id, ? FROM teams AS t, users AS u "
    "WHERE t.id = ? AND u.email_key = ? AND (SELECT count(*) FROM team_members WHERE team_id = t.id) < ? "
    "ON CONFLICT DO NOTHING"
)
_REMOVE = "DELETE FROM team_members WHERE team_id = ? AND user_id = ? RETURNING user_id"
_UNSHARE_OWN = (
    "DELETE FROM team_capsules WHERE team_id = ? AND capsule_id IN (SELECT id FROM capsules WHERE owner_id = ?)"
)
_SHARE = (
    "INSERT INTO team_capsules (team_id, capsule_id, created_at) SELECT ?, c.id, ? FROM capsules AS c "
    "WHERE c.id = ? AND c.owner_id = ? ON CONFLICT DO NOTHING"
)
_UNSHARE = (
    "DELETE FROM team_capsules WHERE team_id = ? AND capsule_id = ? "
    "AND capsule_id IN (SELECT id FROM capsules WHERE owner_id = ?) RETURNING capsule_id"
)


class TeamNotFound(NotFound):
    """No such team."""

    title = "No such team"


class PlanHasNoTeams(Forbidden):
    """This plan does not include teams."""

    title = "This plan does not include teams"


class TooManyTeams(StorageConflict):
    """The account has too many teams."""

    title = "The account has too many teams"


class NewTeam(BaseModel):
    """A new team."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=80), CLEAN]


class NewMember(BaseModel):
    """The address of a user; the answer does not reveal whether it has an account."""

    model_config = ConfigDict(extra="forbid")

    email: EmailAddress


class Team(TypedDict):
    """A team of the caller."""

    id: str
    name: str
    is_owner: bool
    created_at: str


class TeamList(TypedDict):
    """The teams of the caller, as owner or member."""

    teams: list[Team]


class TeamMember(TypedDict):
    """A member of a team."""

    user_id: str
    name: str
    since: str


class TeamDetail(Team):
    """A team with its members and shared capsules."""

    members: list[TeamMember]
    capsules: list[str]


class Done(TypedDict):
    """Confirms a change, even if there was nothing to change."""

    status: str


class Teams:
    """Changes teams without a scope, after the team was found in the caller's scope."""

    def __init__(self, db: ScopedDatabase, system: SystemDatabase, plans: PlanLimits, clock: Clock) -> None:
        self.db = db
        self.system = system
        self._plans = plans
        self._clock = clock

    def now(self) -> str:
        """Return the present instant in the format of the database."""
        return to_text(self._clock.now())

    async def team(self, team_id: str, owner: str | None = None) -> Row:
        """Return a team of the caller, or with `owner` only one owned by that user. Errors: `TeamNotFound`."""
        row = await self.db.first("SELECT * FROM teams WHERE id = ?", team_id)
        if row is None or owner not in {None, row["owner_id"]}:
            raise TeamNotFound("there is no such team of yours")
        return row

    async def add(self, owner: str, name: str) -> str:
        """Add a team; return its id. Errors: `PlanHasNoTeams`, `TooManyTeams`."""
        if (plan := await self._plans.plan_of(owner)).name not in WITH_TEAMS:
            raise PlanHasNoTeams(f"the plan {plan.name} has no teams: choose {' or '.join(WITH_TEAMS)}")
        team_id = f"team_{secrets.token_hex(8)}"
        now = self.now()
        added = Statement(_ADD_TEAM, (team_id, owner, name, now, owner, MOST_TEAMS))
        member = (
            "INSERT INTO team_members (team_id, user_id, created_at) SELECT id, owner_id, ? FROM teams WHERE id = ?"
        )
        (insertion, _) = await self.system.batch([added, Statement(member, (now, team_id))])
        if not insertion.rows:
            raise TooManyTeams(f"there are {MOST_TEAMS} teams: remove one")
        return team_id


@routes.post("", PlanHasNoTeams, TooManyTeams, status=201, location="/api/v1/teams/{id}")
async def add_team(body: Body[NewTeam], actor: Actor, teams: Teams) -> Team:
    """Create a team; you become its owner and first member."""
    row = await teams.team(await teams.add(actor.name, body.name))
    return _team(row, actor)


@routes.get("")
async def list_teams(actor: Actor, db: ScopedDatabase) -> TeamList:
    """List your teams, as owner or member."""
    return TeamList(teams=[_team(row, actor) for row in await db.all(_TEAMS)])


@routes.get("/{team_id}", TeamNotFound)
async def get_team(team_id: str, actor: Actor, teams: Teams) -> TeamDetail:
    """Get a team with its members and shared capsules."""
    row = await teams.team(team_id)
    names = {row["id"]: row["name"] for row in await teams.system.all(_NAMES, team_id)}
    members = [
        TeamMember(user_id=row["user_id"], name=names.get(row["user_id"], ""), since=row["created_at"])
        for row in await teams.db.all(_MEMBERS, team_id)
    ]
    shared = [row["capsule_id"] for row in await teams.db.all(_SHARED, team_id)]
    return TeamDetail(**_team(row, actor), members=members, capsules=shared)


@routes.delete("/{team_id}", TeamNotFound, status=204)
async def delete_team(team_id: str, actor: Actor, teams: Teams) -> None:
    """Remove a team, as its owner; its capsules stay with their owners."""
    await teams.team(team_id, actor.name)
    await teams.system.run("DELETE FROM teams WHERE id = ? AND owner_id = ?", team_id, actor.name)


@routes.post("/{team_id}/members", TeamNotFound, status=202)
async def add_member(team_id: str, body: Body[NewMember], actor: Actor, teams: Teams) -> Done:
    """Add a user to your own team. The answer does not reveal whether the address has an account."""
    await teams.team(team_id, actor.name)
    await teams.system.run(_ADD_MEMBER, teams.now(), team_id, key_of(body.email), MOST_MEMBERS)
    return Done(status="added, if there is such a user")


@routes.delete("/{team_id}/members/{user_id}", TeamNotFound, status=204)
async def remove_member(team_id: str, user_id: str, actor: Actor, teams: Teams) -> None:
    """Remove a member and the member's shared capsules; members can remove themselves, the owner all others."""
    row = await teams.team(team_id)
    is_owner = row["owner_id"] == actor.name
    if user_id == row["owner_id"] or not (is_owner or user_id == actor.name):
        raise TeamNotFound("only its owner can remove other members; the owner cannot leave")
    removed, _ = await teams.system.batch(
        [Statement(_REMOVE, (team_id, user_id)), Statement(_UNSHARE_OWN, (team_id, user_id))]
    )
    if not removed.rows:
        raise TeamNotFound("the team has no such member")


@routes.put("/{team_id}/capsules/{capsule_id}", TeamNotFound, CapsuleNotFound, status=204)
async def share_capsule(team_id: str, capsule_id: str, actor: Actor, teams: Teams) -> None:
    """Share your capsule with a team: all members can change it."""
    await teams.team(team_id)
    if (
        await teams.db.first("SELECT 1 AS yes FROM capsules WHERE id = ? AND owner_id = ?", capsule_id, actor.name)
        is None
    ):
        raise CapsuleNotFound("there is no such capsule of yours")
    await teams.system.run(_SHARE, team_id, teams.now(), capsule_id, actor.name)


@routes.delete("/{team_id}/capsules/{capsule_id}", TeamNotFound, CapsuleNotFound, status=204)
async def unshare_capsule(team_id: str, capsule_id: str, actor: Actor, teams: Teams) -> None:
    """Stop sharing your capsule with a team."""
    await teams.team(team_id)
    if await teams.system.first(_UNSHARE, team_id, capsule_id, actor.name) is None:
        raise CapsuleNotFound("you share no such capsule with the team")


def _team(row: Row, actor: Actor) -> Team:
    return row_as(Team, row, is_owner=row["owner_id"] == actor.name)
