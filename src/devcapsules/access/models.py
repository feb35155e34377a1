"""Fields of this Worker's accounts, in addition to address and password."""

from typing import Annotated

from pydantic import Field

from edge.auth.accounts.models import Myself, NewAccount


class CapsuleAccount(NewAccount):
    """A new account; `name` is displayed as the author of its public capsules."""

    name: Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""


class MyPlan(Myself):
    """The user's own account with its plan."""

    name: str
    plan: str
