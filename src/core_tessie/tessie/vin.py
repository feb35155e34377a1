"""Vehicle identification numbers (ISO 3779): 17 characters, none of them I, O or Q."""

from typing import Annotated

from edge.text import Matching

VIN = Matching(r"[A-HJ-NPR-Z0-9]{17}", "a VIN is 17 characters out of A-Z without I, O and Q, and 0-9")

Vin = Annotated[str, VIN]
