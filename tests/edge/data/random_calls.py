"""Random statements and writes of a caller as JSON, to be run on a Worker's D1 and here."""

import asyncio
from random import Random
from typing import Any

from tests.contracts.scoped import answers
from tests.contracts.world import caller, random_world
from tests.edge.data.generator import Generator
from tests.edge.data.test_writes import KINDS, Write, Writer
from tests.edge.data.worlds import MEMORY, InlineDatabase

from edge.data import Sql


def random_calls(seed: int, *, reads: int, writes: int) -> dict[str, Any]:
    """Return a world, a caller, and its random statements and writes."""
    random = Random(seed)
    world = random_world(random)
    actor = caller(random, KINDS[:3])
    assert actor is not None
    statements = []
    for _ in range(reads):
        generator = Generator(random, hostile=0.1)
        statements.append([generator.statement(), generator.params])
    writer = Writer(random, actor)
    subjects = None if actor.subjects is None else sorted(actor.subjects)
    return {
        "world": world,
        "actor": {"name": actor.name, "role": actor.role, "subjects": subjects, "is_member": actor.is_member},
        "reads": statements,
        "writes": [_call_document(writer.write()) for _ in range(writes)],
    }


def _call_document(write: Write) -> list[Any]:
    returning = [name for name in write.named["returning"] if name != "updated_at"]  # the time is another one there
    return [write.function, write.table, _plain([*write.arguments]), write.named | {"returning": returning}]


def _plain(argument: Any) -> Any:
    if isinstance(argument, Sql):
        return {"sql": argument.text, "params": argument.params}
    if isinstance(argument, dict):
        return {name: _plain(value) for name, value in argument.items()}
    return [_plain(item) for item in argument] if isinstance(argument, list) else argument


def local_answers(questions: dict[str, Any]) -> list[Any]:
    """Return the results of the local database."""
    db = InlineDatabase(MEMORY)
    try:
        return asyncio.run(answers(db, questions))
    finally:
        db.close()
