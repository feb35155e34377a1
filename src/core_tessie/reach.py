"""The scope of a caller: the vehicles that it is bound to, and the rows that it wrote."""

from pydantic_core import to_json

from core_tessie.d1.filters import Condition
from edge.access import ADMIN, Actor
from edge.errors import Forbidden
from edge.ports import Value
from edge.reach import Reach, subject


class VehicleOutOfReach(Forbidden):
    """This key is bound to other vehicles."""

    title = "This key is bound to other vehicles"


def _refusal() -> VehicleOutOfReach:
    return VehicleOutOfReach("name a vehicle that the key is bound to: GET /auth/me lists them")


def vehicle(argument: str) -> Reach:
    """Let a bound key reach its own vehicles alone: an argument of the handler names one, None stands for all."""
    return subject(argument, _refusal)


def reach(actor: Actor, vin: str | None) -> None:
    """Let a caller through to a vehicle, or to what is about all where `vin` is None; `VehicleOutOfReach` else."""
    if not actor.may_reach(vin):
        raise VehicleOutOfReach("name a vehicle that the key is bound to: GET /auth/me lists them")


def reachable(actor: Actor) -> Condition:
    """Return the condition on a column `vin` that holds for what the caller may reach."""
    if actor.subjects is None:
        return Condition("true")
    return Condition('"vin" IN (SELECT value FROM json_each(?))', (_listed(actor.subjects),))


def sees_all(actor: Actor) -> bool:
    """Tell whether a caller is an administrator, who sees the rows of all callers and the secrets of answers."""
    return actor.role >= ADMIN and actor.subjects is None


def own(actor: Actor) -> Condition:
    """Return the condition on the columns of `author` that holds for the rows that a caller wrote in its scope.

    A row of a wider scope is not among them: a token that is bound to one vehicle does not see what its key wrote.
    """
    sql = '"actor" = ? AND "least_role" <= ?'
    if actor.subjects is None:
        return Condition(sql, (actor.name, int(actor.role)))
    return Condition(f"{sql} AND {_COVERED}", (actor.name, int(actor.role), _listed(actor.subjects)))


def author(actor: Actor) -> dict[str, Value]:
    """Return the columns that name the writer of a row and its scope: vehicles (null: all) and role."""
    subjects = None if actor.subjects is None else _listed(actor.subjects)
    return {"actor": actor.name, "subjects": subjects, "least_role": int(actor.role)}


def _listed(subjects: frozenset[str]) -> str:
    return to_json(sorted(subjects)).decode()


_COVERED = (
    '"subjects" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM json_each("subjects") AS needed '
    "WHERE (needed.value IN (SELECT value FROM json_each(?))) IS NOT 1)"
)
"""No vehicle of the row's scope is outside the caller's."""
