"""Problems of messages: each names one fact."""

from edge import NotFound, Problem


class ConversationNotFound(NotFound):
    """There is no such conversation."""

    title = "There is no such conversation"

    def __init__(self, conversation_id: str) -> None:
        super().__init__(f"there is no conversation {conversation_id[:80]} of yours")


class MessageNotFound(NotFound):
    """There is no such message."""

    title = "There is no such message"


class RequestUsed(Problem):
    """Only one message is possible before a booking."""

    title = "Only one message is possible before a booking"
    status = 409


class MessageGone(Problem):
    """This message can no longer be changed."""

    title = "This message can no longer be changed"
    status = 409
