"""Settings of a collection."""

from typing import Annotated

from pydantic import Field

from edge import Settings
from vinyl_vault.sync.merge import MOST_CONFLICTS, MOST_RECORDS


class CollectionSettings(Settings):
    """Limits per user; as many deleted records as `most_records` may await purging."""

    most_records: Annotated[int, Field(ge=1, le=10_000_000)] = MOST_RECORDS
    most_conflicts: Annotated[int, Field(ge=1, le=100_000)] = MOST_CONFLICTS
