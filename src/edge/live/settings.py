"""Settings of live events."""

from typing import Annotated

from pydantic import Field

from edge.ports.events import Events
from edge.settings import Settings


class LiveSettings(Settings):
    """The log, the most streams and sockets of a key, and the seconds between two look-ups of its credential."""

    events: Events | None = None
    live_max_connections: Annotated[int, Field(ge=1)] = 100
    live_check_s: Annotated[float, Field(gt=0, le=50)] = 30.0
