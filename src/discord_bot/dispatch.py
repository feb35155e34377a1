"""`POST /interactions`: dispatches Discord's interactions to the handlers of their names, and answers in time."""

import asyncio
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, NotRequired, TypedDict

from pydantic import ValidationError

from discord_bot.audit import Audit, Entry
from discord_bot.commands import Commands, Parent, Planned, plan
from discord_bot.interactions import (
    AUTOCOMPLETE,
    CHOICES,
    DEFERRED,
    DEFERRED_UPDATE,
    MESSAGE,
    MODAL,
    MOST_CHOICES,
    PING,
    PONG,
    PRIVATE,
    UPDATE,
    Choices,
    Interaction,
    Modal,
    Payload,
    Reply,
    plain,
    understood,
)
from edge import READER, Actor, Background, Operation, Ports, Problem, Request, Response, Routes
from edge.clients.discord import Discord, DiscordRefused, clipped
from edge.errors import list_faults
from edge.ports import PortError
from edge.reach import CHECKED
from edge.routes import Composition


class Timing(NamedTuple):
    """Seconds: `grace` for an answer of a handler's own, as Discord waits for 3; one that needs longer answers later.

    A handler has `deadline` at all: with the `follow_up` that is less than the 30 that Workers have after a response.
    """

    grace: float = 1.5
    deadline: float = 20.0
    follow_up: float = 9.0


type Result = Reply | Modal | Choices


class Sent(TypedDict):
    """An interaction, as Discord describes it; `type` 1 is a PING."""

    type: int


class Answered(TypedDict):
    """An interaction's answer, as Discord describes it."""

    type: int
    data: NotRequired[dict[str, Any]]


class Interactions(Routes):
    """The resource's group; `planned` are all handlers, once the app is composed."""

    def __init__(self, groups: Sequence[Commands], timing: Timing) -> None:
        super().__init__("/interactions", tag="interactions", access=READER)
        self.groups = [*groups]
        self.timing = timing
        self.planned: Mapping[tuple[str, str], Planned] = {}

    @property
    def parents(self) -> dict[str, Parent]:
        """The descriptions of commands with subcommands, by name."""
        return {name: parent for group in self.groups for name, parent in group.parents.items()}

    def compose(self, app: Composition) -> None:
        """Plan the handlers."""
        self.planned = plan(self.groups, app.injector)
        self.app = app

    async def answer(self, payload: Any, request_id: str, ports: Ports) -> dict[str, Any]:
        """Return the answer to a signed payload of Discord: there is always one."""
        if isinstance(payload, dict) and payload.get("type") == PING:
            return {"type": PONG}
        try:
            interaction = understood(Payload.model_validate(payload), request_id)
        except ValidationError:
            return _nothing(payload, "This is no interaction that I know.")
        planned = self.planned.get((interaction.kind, interaction.name))
        if planned is None:
            ports.log("warning", "unknown interaction", kind=interaction.kind, name=interaction.name[:100])
            return _unknown(interaction)
        try:
            run = _Run(self, planned, interaction, ports)
        except Problem as fault:
            ports.log("error", "the bot is not set up", error=str(fault), request_id=request_id)
            return _nothing(payload, f"This bot is not set up: {fault}")
        return await run.answer()


def interaction_routes(groups: Sequence[Commands], timing: Timing = Timing()) -> Interactions:  # noqa: B008 - frozen
    """Return the resource for these commands."""
    group = Interactions(groups, timing)

    @group.post("", operation=Operation({200: {"application/json": Answered}}, body=Sent), reach=CHECKED)
    async def interact(request: Request, ports: Ports) -> Response:
        """Answer an interaction, which Discord has signed.

        `X-Signature-Ed25519` is checked over `X-Signature-Timestamp` and the body as it came, before it is read: 401
        if it does not fit, or is older than five minutes. Later faults are texts in the answer.
        """
        try:
            payload = await request.json()
        except Problem:
            payload = None
        try:
            return Response.json(await group.answer(payload, request.id, ports))
        except Exception as fault:  # without a valid answer Discord shows the user nothing
            trace = _trace(fault, payload.get("token") if isinstance(payload, dict) else None)
            ports.log("error", "interaction not answered", request_id=request.id, error=trace)
            return Response.json(_nothing(payload, f"Something went wrong here (request {request.id})."))

    return group


class Refused(Problem):
    """The options of a command are not valid."""

    title = "That is not quite right"
    status = 422


class _Run:
    """One interaction on its way through its handler."""

    def __init__(self, group: Interactions, planned: Planned, interaction: Interaction, ports: Ports) -> None:
        self.planned = planned
        self.command = planned.command
        self.interaction = interaction
        caller = Actor(interaction.user_id, READER, is_member=True) if interaction.user_id else None
        self.timing = group.timing
        self.ports = ports.begin(caller)
        self.discord = group.app.provide(Discord, ports)
        self.audit = group.app.provide(Audit, ports)
        self.background: Background = ports.runtime[Background]  # type: ignore[assignment]
        self.outcome = "answered"

    async def answer(self) -> dict[str, Any]:
        """Return the handler's answer; if it needs longer, a deferred one, and send the answer in the background."""
        work = asyncio.ensure_future(self._result())
        if not self.command.is_deferred:
            await asyncio.wait({work}, timeout=self.timing.grace)
        if self.command.kind == "autocomplete":  # completions cannot be deferred
            choices = _choices(work.result()) if work.done() else []
            work.cancel()
            return {"type": CHOICES, "data": {"choices": choices}}
        if not work.done():
            self.background.add(self._later(work))
            return self._promise()
        result = work.result()
        self.background.add(self.audit.write_answer(self._entry(result)))
        if isinstance(result, Modal):
            return {"type": MODAL, "data": result.document()}
        return _message(result, is_update=self.interaction.has_message) if isinstance(result, Reply) else _EMPTY

    async def _result(self) -> Result:
        """Return the handler's result, or a reply that says why there is none."""
        try:
            async with asyncio.timeout(self.timing.deadline):
                result: Result = await self.planned.run(self._checked(), self.ports)
                return result
        except TimeoutError:
            return self._failed("failed", "This took too long, so I gave up. Please try again later.")
        except Problem as fault:
            return self._problem_reply(fault)
        except Exception as fault:
            return self._broken(fault)

    def _checked(self) -> Interaction:
        """Return the interaction with its options validated; `Refused` names the invalid ones."""
        interaction = self.interaction
        takes = self.planned.takes
        if takes is None or interaction.kind == "autocomplete":
            return interaction
        try:
            return replace(interaction, body=takes.model_validate(interaction.body))
        except ValidationError as fault:
            problems = "; ".join(
                f"{problem['pointer'].strip('/')}: {problem['detail']}" for problem in list_faults(fault)
            )
            raise Refused(problems) from None

    def _problem_reply(self, fault: Problem) -> Reply:
        """Return a problem as a reply; the details of one that is not the user's fault are in the log alone."""
        if fault.status < 500:
            return self._failed("refused", f"{fault.title}: {fault}" if fault.detail else f"{fault.title}.")
        where = self.interaction
        self.ports.log("warning", "not answered", name=where.name, request_id=where.request_id, error=str(fault))
        return self._failed("failed", f"{fault.title}. Please try again later.")

    def _broken(self, fault: Exception) -> Reply:
        where = self.interaction
        trace = _trace(fault, where.token)
        is_away = isinstance(fault, PortError) and fault.is_away
        level = "error"
        title = "a service is unavailable" if is_away else "interaction failed"
        self.ports.log(level, title, kind=where.kind, name=where.name, request_id=where.request_id, error=trace)
        if is_away:
            return self._failed("failed", "Something that this needs is away. Please try again in a minute.")
        return self._failed("failed", f"Something went wrong here (request {where.request_id}).")

    def _failed(self, outcome: str, words: str) -> Reply:
        self.outcome = outcome
        return _words(words)

    def _promise(self) -> dict[str, Any]:
        if self._edits:
            return {"type": DEFERRED_UPDATE}
        return {"type": DEFERRED} | ({"data": {"flags": PRIVATE}} if self.command.is_private else {})

    @property
    def _edits(self) -> bool:
        """Whether a late answer replaces the message of the button or menu that was used."""
        return self.command.kind in {"button", "select"}

    async def _later(self, work: "asyncio.Future[Result]") -> None:
        """Send the answer that was deferred, also if the handler fails."""
        result = await work
        if not isinstance(result, Reply):
            result = self._failed("failed", "That took me too long. Please try once more.")
        try:
            async with asyncio.timeout(self.timing.follow_up):
                await self._deliver(result)
        except Exception as fault:
            self.outcome = "not sent"
            self._log_unsent("follow-up not sent", fault)
        await self.audit.write_answer(self._entry(result))

    async def _deliver(self, reply: Reply) -> None:
        """Send a late answer, as plain text if Discord refuses its form, so that "thinking …" ends."""
        for version in (reply, plain(reply)):
            try:
                await self._send(version)
                return
            except DiscordRefused as fault:
                if fault.extra.get("upstream_status") != 400:
                    raise
                self._log_unsent("follow-up refused", fault)
            except (Problem, PortError, TimeoutError):
                raise
            except Exception as fault:
                self._log_unsent("follow-up has no form", fault)
            self.outcome = "sent in plain words"
        await self._send(_words("I have an answer, but Discord does not take it. Please ask in another way."))

    def _log_unsent(self, message: str, fault: BaseException) -> None:
        where = self.interaction
        is_known = isinstance(fault, Problem | PortError | TimeoutError)
        error = (str(fault) or type(fault).__name__) if is_known else _trace(fault, where.token)
        self.ports.log("error", message, kind=where.kind, name=where.name, request_id=where.request_id, error=error)

    async def _send(self, reply: Reply) -> None:
        where = self.interaction
        if self._edits and not reply.is_update:  # the message with the button stays
            await self.discord.add(where.application_id, where.token, reply.document())
        else:
            body = {name: value for name, value in reply.document().items() if name != "flags"}
            await self.discord.follow_up(where.application_id, where.token, body)

    def _entry(self, result: Result) -> Entry:
        where = self.interaction
        texts = [result.content, *(embed.description for embed in result.embeds)] if isinstance(result, Reply) else []
        detail = clipped(" ".join(filter(None, texts)), 500)
        return Entry(where.kind, where.name, where.user_id, self.outcome, detail, None, where.request_id)


_EMPTY: dict[str, Any] = {"type": MESSAGE, "data": {"content": "Done.", "flags": PRIVATE}}


def _trace(fault: BaseException, token: object) -> str:
    """Return a fault's traceback for the log, without the token, with which anyone could answer."""
    trace = "".join(traceback.format_exception(fault))
    return trace.replace(token, "…") if isinstance(token, str) and token else trace


def _words(text: str) -> Reply:
    return Reply(text, is_private=True)


def _message(reply: Reply, *, is_update: bool = False) -> dict[str, Any]:
    updates = is_update and reply.is_update
    data = reply.document()
    if updates:
        data.pop("flags", None)
    return {"type": UPDATE if updates else MESSAGE, "data": data}


def _choices(result: Result) -> list[dict[str, str]]:
    """Return completions as Discord takes them; none if their handler failed."""
    if isinstance(result, Reply | Modal):
        return []
    return [{"name": clipped(name, 100) or "…", "value": value} for name, value in result[:MOST_CHOICES]]


def _unknown(interaction: Interaction) -> dict[str, Any]:
    kind = AUTOCOMPLETE if interaction.kind == "autocomplete" else 0
    return _nothing({"type": kind}, "I do not know this (any more).")


def _nothing(payload: Any, text: str) -> dict[str, Any]:
    """Return the answer to an interaction that no handler gets: `text`, or no completions if it is an autocomplete."""
    if isinstance(payload, dict) and payload.get("type") == AUTOCOMPLETE:
        return {"type": CHOICES, "data": {"choices": []}}
    return _message(_words(text))
