"""A simulated Tessie: a year of four cars behind Tessie's REST API, for development and tests.

`python -m sims.tessie --until 2026-11-01T00:00:00Z` (with `tools` on PYTHONPATH) serves it; `with Simulator(Fleet(…))`
does so inside a test. Its switches need no token and are not part of Tessie:

    GET, PUT, DELETE /_sim/faults       rules of failure: see `faults.Rule`
    GET, DELETE      /_sim/requests     the newest 10,000 requests and how each was answered
    GET, PUT         /_sim/clock        {"until": ISO instant, epoch seconds, or null for the real clock}
    PATCH            /_sim/{drives,charges,idles}/{vin}/{id}    correct a record; moves its updated_at
    PATCH            /_sim/vehicles/{vin}    {"is_active": …, "shows_last_state": …}
"""

from sims.tessie.fleet import Fleet, SimulatedCar
from sims.tessie.server import Simulator, create_app

__all__ = ["Fleet", "SimulatedCar", "Simulator", "create_app"]
