"""Settings of a collection."""

from typing import Annotated

from pydantic import Field

from edge import Settings
from vinyl_vault.sync.merge import MOST_RECORDS


class CollectionSettings(Settings):
    """`most_records` is the limit per user; the same number of deleted records may await purging."""

    most_records: Annotated[int, Field(ge=1, le=10_000_000)] = MOST_RECORDS
