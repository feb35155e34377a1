"""An interaction: the payload, the bot's answer, and its messages in the channel now."""

import json
import threading
from collections.abc import Mapping
from typing import Any

from sims.discord.answers import AUTOCOMPLETE, DEFERRED, DEFERRED_UPDATE, PING
from sims.discord.drafts import LOADING


class Exchange:
    """One interaction with a bot.

    `status` is None if there was no answer in time (`late`) or at all; `answer` is its JSON, or None. `faults` are
    Discord's objections to the answer and to all follow-ups; `took` is in seconds.
    """

    def __init__(self, payload: Mapping[str, Any], began: float) -> None:
        self.payload = payload
        self.began = began
        self.id = str(payload.get("id", ""))
        self.token = str(payload.get("token", ""))
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.answer: Any = None
        self.faults: list[str] = []
        self.took = 0.0
        self.late = False
        self.over = False
        """No answer is taken any more: it was late, or refused."""
        self.accepted: int | None = None
        """The type of the answer that Discord has taken."""
        self.original: dict[str, Any] | None = None
        self.follow_ups: dict[str, dict[str, Any]] = {}
        self._changes = 0
        self._changed = threading.Condition()

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages in the channel now: the original as it was edited, then the follow-ups."""
        first = [self.original] if self.original else []
        return json.loads(json.dumps([*first, *self.follow_ups.values()]))  # type: ignore[no-any-return]

    @property
    def deferred(self) -> bool:
        """Whether the answer announced a later one."""
        return self.accepted in {DEFERRED, DEFERRED_UPDATE}

    @property
    def open(self) -> bool:
        """Whether the token is good for follow-ups, but for its age."""
        return self.accepted is not None and not self.over and self.payload.get("type") not in {PING, AUTOCOMPLETE}

    @property
    def settled(self) -> bool:
        """Whether something came after the answer: an edit, a deletion, a follow-up."""
        return self._changes > 0

    def wait(self, timeout: float = 10.0) -> bool:
        """Wait until the deferred answer was edited in, or a follow-up came; return whether one did."""
        with self._changed:
            return self._changed.wait_for(lambda: self.settled, timeout)

    def change(self) -> None:
        """Notify waiting tests of a change."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    @property
    def loading(self) -> bool:
        """Whether the original is still the sign that the bot is thinking."""
        return bool(self.original and self.original["flags"] & LOADING)

    def find(self, message_id: str) -> dict[str, Any] | None:
        """Return one of the messages."""
        if message_id == "@original" or (self.original and self.original["id"] == message_id):
            return self.original
        return self.follow_ups.get(message_id)

    def remove(self, message_id: str) -> None:
        """Delete one of the messages."""
        if message_id == "@original" or (self.original and self.original["id"] == message_id):
            self.original = None
        self.follow_ups.pop(message_id, None)

    def document(self) -> dict[str, Any]:
        """Return the exchange as JSON."""
        view = {"id": self.id, "status": self.status, "answer": self.answer, "faults": self.faults, "late": self.late}
        return view | {"messages": self.messages, "took_s": round(self.took, 3)}
