"""The forms of the site: the fields of each, and those that every one has against spam."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from edge.text import Matching

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=150)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5_000)]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=254),
    Matching(
        r"[^\s@<>\"',;:\\]+@[^\s@<>\"',;:\\.]+(\.[^\s@<>\"',;:\\.]+)+", "an e-mail address, such as ada@example.org"
    ),
]
Url = Annotated[
    str, StringConstraints(max_length=500), Matching(r"https?://[^\s<>\"]+", "an address that begins with https://")
]

GUARDS = frozenset({"shown_at", "website", "turnstile_token"})
"""The fields that are for machines, and are kept nowhere."""


class Form(BaseModel):
    """The members of every form."""

    model_config = ConfigDict(extra="forbid")

    form: ClassVar[str]
    shown_at: AwareDatetime = Field(description="when the form was shown; nobody fills one in within 3 seconds")
    website: str = Field("", max_length=500, description="a field that people do not see: leave it empty")
    turnstile_token: str | None = Field(None, max_length=2048, description="cf-turnstile-response, from a browser")

    email: Email

    def fields(self) -> dict[str, Any]:
        """Return the fields that a person has filled in."""
        return {name: value for name, value in self.model_dump(mode="json", exclude=set(GUARDS)).items() if value}

    def headline(self) -> str:
        """Return its subject, in a line."""
        raise NotImplementedError

    def words(self) -> str:
        """Return its text, perhaps empty."""
        return ""


class ContactForm(Form):
    """A message to the organisers."""

    form = "contact"

    name: Name
    subject: Line = ""
    message: Annotated[Text, Field(min_length=10)]

    def headline(self) -> str:
        """Return the sender and the subject."""
        return f"{self.name}: {self.subject}" if self.subject else self.name

    def words(self) -> str:
        """Return the message."""
        return self.message


class SponsorForm(Form):
    """An offer to be a sponsor."""

    form = "sponsor"

    company: Name
    name: Name
    company_url: Url | None = None
    tier: Literal["community", "silver", "gold", "platinum"] | None = None
    message: Text = ""

    def headline(self) -> str:
        """Return the company and its offer."""
        return f"{self.company} ({self.tier or 'any tier'}), by {self.name}"

    def words(self) -> str:
        """Return the message."""
        return self.message


class MembershipForm(Form):
    """An application to be a member."""

    form = "membership"

    name: Name
    city: Line = ""
    interests: Annotated[list[Line], Field(max_length=10)] = []
    about: Annotated[Text, Field(max_length=2_000)] = ""
    accepts_code_of_conduct: Literal[True]

    def headline(self) -> str:
        """Return the applicant's name."""
        return f"{self.name}, {self.city}" if self.city else self.name

    def words(self) -> str:
        """Return the applicant's text about themself."""
        return "\n".join(filter(None, [self.about, ", ".join(self.interests)]))
