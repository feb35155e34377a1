"""What a caller who is bound to some vehicles may reach: these, and nothing that is about all of them."""

from pydantic_core import to_json

from core_tessie.filters import Condition
from edge.access import Actor
from edge.errors import Forbidden


class VehicleOutOfReach(Forbidden):
    """This key is bound to other vehicles."""

    title = "This key is bound to other vehicles"


def reach(actor: Actor, vin: str | None) -> None:
    """Let a caller through to a vehicle, or to what is about all where `vin` is None; `VehicleOutOfReach` else."""
    if not actor.may_reach(vin):
        raise VehicleOutOfReach("name a vehicle that the key is bound to: GET /auth/me lists them")


def reachable(actor: Actor) -> Condition:
    """Return the condition on a column `vin` that holds for what the caller may reach."""
    if actor.subjects is None:
        return Condition("true")
    return Condition('"vin" IN (SELECT value FROM json_each(?))', (to_json(sorted(actor.subjects)).decode(),))
