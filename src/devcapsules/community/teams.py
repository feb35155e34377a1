"""`/api/v1/teams`: members of a team can change the capsules shared with it. Requires the plan team or enterprise."""

import secrets
from contextlib import suppress
from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from devcapsules.access.callers import USERS
from devcapsules.access.plans import WITH_TEAMS, PlanLimits
from devcapsules.capsules.catalogue import CapsuleNotFound
from devcapsules.tables import MOST_TEAMS
from edge import READER, Actor, Body, Clock, Forbidden, NotFound, Routes, SystemDatabase
from edge.auth.accounts.settings import EmailAddress
from edge.auth.accounts.users import key_of
from edge.data import ScopedDatabase
from edge.errors import StorageConflict
from edge.instants import to_text
from edge.ports import ForeignKeyViolation, OutOfScope, Row
from edge.rows import row_as
from edge.text import NO_NUL

routes = Routes("/api/v1/teams", tag="teams", access=READER, reach=USERS)

_TEAM = "SELECT t.*, EXISTS (SELECT 1 FROM own_teams AS o WHERE o.id = t.id) AS is_owner FROM teams AS t"
_BY_ID = f"{_TEAM} WHERE t.id = ?"
_TEAMS = f"{_TEAM} ORDER BY t.created_at, t.id LIMIT 100"
_OWN_TEAM = "SELECT 1 AS yes FROM own_teams WHERE id = ?"
_MEMBERS = "SELECT m.user_id, m.created_at FROM team_members AS m WHERE m.team_id = ? ORDER BY m.created_at, m.user_id"
_NAMES = "SELECT u.id, u.name FROM users AS u JOIN team_members AS m ON m.user_id = u.id WHERE m.team_id = ?"
_SHARED = "SELECT capsule_id FROM team_capsules WHERE team_id = ? ORDER BY created_at, capsule_id"
_USER = "SELECT id FROM users WHERE email_key = ?"
_OF_USER = "team_id = ? AND capsule_id IN (SELECT id FROM capsules WHERE owner_id = ?)"


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

    name: Annotated[str, Field(min_length=1, max_length=80), NO_NUL]


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
    """Changes teams in the caller's scope; only names and addresses of users are read without it."""

    def __init__(self, db: ScopedDatabase, system: SystemDatabase, plans: PlanLimits, clock: Clock) -> None:
        self.db = db
        self._system = system
        self._plans = plans
        self._clock = clock

    async def team(self, team_id: str) -> Row:
        """Return a team of the caller. Errors: `TeamNotFound`."""
        row = await self.db.first(_BY_ID, team_id)
        if row is None:
            raise TeamNotFound("there is no such team of yours")
        return row

    async def add(self, owner: str, name: str) -> str:
        """Add a team; return its id. Errors: `PlanHasNoTeams`, `TooManyTeams`."""
        if (plan := await self._plans.plan_of(owner)).name not in WITH_TEAMS:
            raise PlanHasNoTeams(f"the plan {plan.name} has no teams: choose {' or '.join(WITH_TEAMS)}")
        team_id = f"team_{secrets.token_hex(8)}"
        now = self._now()
        prepare = self.db.prepare
        team = {"id": team_id, "owner_id": owner, "name": name, "created_at": now}
        member = {"team_id": team_id, "user_id": owner, "created_at": now}
        try:
            await self.db.batch([prepare.insert("teams", [team]), prepare.insert("team_members", [member])])
        except OutOfScope:
            raise TooManyTeams(f"there are {MOST_TEAMS} teams: remove one") from None
        return team_id

    async def names(self, team_id: str) -> dict[str, str]:
        """Return the names of a team's members by id."""
        return {row["id"]: row["name"] for row in await self._system.all(_NAMES, team_id)}

    async def add_member(self, team_id: str, email: str) -> None:
        """Add the user with an address, if there is one and the team is not full. Errors: `TeamNotFound`."""
        if await self.db.first(_OWN_TEAM, team_id) is None:
            raise TeamNotFound("there is no such team of yours")
        if user := await self._system.first(_USER, key_of(email)):
            row = {"team_id": team_id, "user_id": user["id"], "created_at": self._now()}
            with suppress(OutOfScope, ForeignKeyViolation):  # the account may have been deleted meanwhile
                await self.db.insert("team_members", [row], key=("team_id", "user_id"), keep=True)

    async def remove_member(self, team_id: str, user_id: str) -> None:
        """Remove a member with the member's shared capsules. Errors: `TeamNotFound`."""
        delete = self.db.prepare.delete
        member = delete("removable_members", "team_id = ? AND user_id = ?", team_id, user_id, must_exist=True)
        try:
            await self.db.batch([delete("removable_shares", _OF_USER, team_id, user_id), member])
        except OutOfScope:
            raise TeamNotFound("the team has no such member that you can remove; its owner cannot leave") from None

    async def share(self, team_id: str, capsule_id: str) -> None:
        """Share a capsule of the caller's own. Errors: `CapsuleNotFound`."""
        row = {"team_id": team_id, "capsule_id": capsule_id, "created_at": self._now()}
        try:
            await self.db.insert("team_capsules", [row], key=("team_id", "capsule_id"), keep=True)
        except OutOfScope:
            await self.team(team_id)
            raise CapsuleNotFound("there is no such capsule of yours") from None

    def _now(self) -> str:
        return to_text(self._clock.now())


@routes.post("", PlanHasNoTeams, TooManyTeams, status=201, location="/api/v1/teams/{id}")
async def add_team(body: Body[NewTeam], actor: Actor, teams: Teams) -> Team:
    """Create a team; you become its owner and first member."""
    return _team(await teams.team(await teams.add(actor.name, body.name)))


@routes.get("")
async def list_teams(db: ScopedDatabase) -> TeamList:
    """List your teams, as owner or member."""
    return TeamList(teams=[_team(row) for row in await db.all(_TEAMS)])


@routes.get("/{team_id}", TeamNotFound)
async def get_team(team_id: str, teams: Teams) -> TeamDetail:
    """Get a team with its members and shared capsules."""
    row = await teams.team(team_id)
    names = await teams.names(team_id)
    members = [
        TeamMember(user_id=row["user_id"], name=names.get(row["user_id"], ""), since=row["created_at"])
        for row in await teams.db.all(_MEMBERS, team_id)
    ]
    shared = [row["capsule_id"] for row in await teams.db.all(_SHARED, team_id)]
    return TeamDetail(**_team(row), members=members, capsules=shared)


@routes.delete("/{team_id}", TeamNotFound, status=204)
async def delete_team(team_id: str, db: ScopedDatabase) -> None:
    """Remove a team, as its owner; its capsules stay with their owners."""
    if not (await db.delete("own_teams", "id = ?", team_id)).changes:
        raise TeamNotFound("there is no such team of yours")


@routes.post("/{team_id}/members", TeamNotFound, status=202)
async def add_member(team_id: str, body: Body[NewMember], teams: Teams) -> Done:
    """Add a user to your own team. The answer does not reveal whether the address has an account."""
    await teams.add_member(team_id, body.email)
    return Done(status="added, if there is such a user")


@routes.delete("/{team_id}/members/{user_id}", TeamNotFound, status=204)
async def remove_member(team_id: str, user_id: str, teams: Teams) -> None:
    """Remove a member and the member's shared capsules; members can remove themselves, the owner all others."""
    await teams.remove_member(team_id, user_id)


@routes.put("/{team_id}/capsules/{capsule_id}", TeamNotFound, CapsuleNotFound, status=204)
async def share_capsule(team_id: str, capsule_id: str, teams: Teams) -> None:
    """Share your capsule with a team: all members can change it."""
    await teams.team(team_id)
    await teams.share(team_id, capsule_id)


@routes.delete("/{team_id}/capsules/{capsule_id}", TeamNotFound, CapsuleNotFound, status=204)
async def unshare_capsule(team_id: str, capsule_id: str, teams: Teams) -> None:
    """Stop sharing your capsule with a team."""
    await teams.team(team_id)
    shared = await teams.db.delete("own_shares", "team_id = ? AND capsule_id = ?", team_id, capsule_id)
    if not shared.changes:
        raise CapsuleNotFound("you share no such capsule with the team")


def _team(row: Row) -> Team:
    return row_as(Team, row, is_owner=bool(row["is_owner"]))
