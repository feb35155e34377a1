"""Problems of messages: each names the fact."""

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
    """Before a booking there is one message."""

    title = "Before a booking there is one message"
    status = 409


class MessageGone(Problem):
    """This message does not change any more."""

    title = "This message does not change any more"
    status = 409
