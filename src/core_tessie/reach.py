"""The reach of routes and tools that return no rows: a caller's key is bound to vehicles."""

from pydantic_core import to_json

from edge import ADMIN, Actor, Forbidden, reach
from edge.ports import Value
from edge.reach import Reach


class VehicleOutOfReach(Forbidden):
    """This key is bound to other vehicles."""

    title = "This key is bound to other vehicles"


def _refusal() -> VehicleOutOfReach:
    return VehicleOutOfReach("name a vehicle that the key is bound to: GET /auth/me lists them")


ALL_VEHICLES = reach.unbound(_refusal)
"""The reach of routes about all vehicles, which refuse a key that is bound to some."""


def vehicle(argument: str, *, is_optional: bool = False) -> Reach:
    """Limit a bound key to its own vehicles: an argument of the handler names one, None stands for all.

    If `is_optional`, None stands for the caller's own rows.
    """
    return reach.subject(argument, _refusal, is_optional=is_optional)


def sees_all(actor: Actor) -> bool:
    """Tell whether a caller is an administrator: only they see the secrets in Tessie's answers."""
    return actor.role >= ADMIN and actor.subjects is None


def author(actor: Actor) -> dict[str, Value]:
    """Return the columns that name the writer of a row and its scope: vehicles (null: all) and role."""
    subjects = None if actor.subjects is None else to_json(sorted(actor.subjects)).decode()
    return {"actor": actor.name, "subjects": subjects, "least_role": int(actor.role)}
