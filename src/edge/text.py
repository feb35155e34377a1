"""Strings of a given form; their faults describe the form in words instead of showing the pattern."""

import re
from typing import Any, NamedTuple

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Matching(NamedTuple):
    """A mark for `Annotated[str, …]`: a string must match `pattern` (no `|` outside a group), as `words` say."""

    pattern: str
    words: str

    def matches(self, text: str) -> bool:
        """Tell whether a string has the form."""
        return re.fullmatch(self.pattern, text) is not None

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        fits = re.compile(self.pattern).fullmatch
        fault = PydanticCustomError("string_form", "{words}", {"words": self.words})

        def check(text: str) -> str:
            if fits(text) is None:
                raise fault
            return text

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"pattern": f"^{self.pattern}$"}


NO_NUL = Matching(r"[^\x00]*", "must not contain NUL characters")
"""Any string without NUL, which SQLite's functions take for the end of a text."""
