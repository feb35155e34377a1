"""A Worker that touches every binding; each route is a method of `Routes`."""
# mypy: disallow-subclassing-any=False, disable-error-code="import-not-found, untyped-decorator"

import asyncio
import itertools
import json
import random
import time
import uuid
from collections import deque
from pathlib import Path
from typing import Any, Never
from urllib.parse import parse_qsl, urlsplit

import demo_notes
import js
from pydantic import BaseModel, Field, ValidationError
from pyodide.ffi import create_proxy, run_sync
from workers import DurableObject, Response, WorkerEntrypoint, WorkflowEntrypoint, env, fetch

IMPORTED_AT = (time.time(), js.Date.now(), time.monotonic())
GREETING_AT_IMPORT = env.GREETING
KV_AT_IMPORT = env.KV
KEPT = random.Random(7)


class Note(BaseModel):
    title: str = Field(min_length=1, max_length=20)


class Counter(DurableObject):
    def __init__(self, ctx: Any, env: Any) -> None:
        super().__init__(ctx, env)
        self.version = demo_notes.VERSION
        self.ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS hits(n INTEGER)")

    async def fetch(self, _request: Any) -> Any:
        self.ctx.storage.sql.exec("INSERT INTO hits VALUES (1)")
        total = self.ctx.storage.sql.exec("SELECT count(*) AS c FROM hits").one()
        return Response.json({"count": total["c"], "version": self.version})

    async def add(self, amount: Any) -> Any:
        value = (await self.ctx.storage.get("value") or 0) + amount
        await self.ctx.storage.put("value", value)
        return value

    async def arm(self) -> None:
        await self.ctx.storage.setAlarm(int(time.time() * 1000) + 50)

    async def alarm(self, _info: Any = None) -> None:
        await self.env.KV.put("alarm", "rang")


class Room(DurableObject):
    """Hibernating WebSockets."""

    async def fetch(self, _request: Any) -> Any:
        client, server = js.WebSocketPair.new().object_values()
        self.ctx.acceptWebSocket(server)
        return Response(None, status=101, web_socket=client)

    async def webSocketMessage(self, _ws: Any, message: Any) -> None:  # noqa: N802 - the platform's name
        sockets = self.ctx.getWebSockets()
        for peer in sockets:
            peer.send(f"v{demo_notes.VERSION} to {len(sockets)}: {message}")

    async def webSocketClose(self, ws: Any, code: Any, reason: Any, _clean: Any) -> None:  # noqa: N802 - the platform's name
        ws.close(code, reason)


class Flow(WorkflowEntrypoint):
    async def run(self, event: Any, step: Any) -> Any:
        @step.do()
        async def first() -> Any:
            return event["payload"]["n"] + 1

        @step.do()
        async def second(first: Any) -> Any:
            await self.env.KV.put("flow", str(first * 10))
            return first * 10

        return await second()


class Routes:
    def __init__(self, worker: Any, request: Any, query: Any) -> None:
        self.env = worker.env
        self.ctx = worker.ctx
        self.request = request
        self.query = query

    async def hello(self) -> Any:
        return Response(f"v{demo_notes.VERSION} {self.env.GREETING} {self.env.TOKEN} {self.env.LIMITS.depth}")

    async def imported(self) -> Any:
        await KV_AT_IMPORT.put("taken-at-import", "works")
        return Response.json({"at": IMPORTED_AT, "greeting": GREETING_AT_IMPORT, "kept": KEPT.random()})

    async def random(self) -> Any:
        return Response.json([random.random(), str(uuid.uuid4()), js.crypto.randomUUID(), time.time()])

    async def validate(self) -> Any:
        try:
            note = Note.model_validate_json(await self.request.text())
        except ValidationError as fault:
            return Response.json([error["type"] for error in json.loads(fault.json(include_url=False))], status=422)
        return Response.json(note.model_dump())

    async def d1(self) -> Any:
        db = self.env.DB
        await db.prepare("UPDATE notes SET title = ? WHERE id = 1").bind("renamed").run()
        rows = await db.prepare("SELECT title, changed, ? AS empty FROM notes ORDER BY id").bind(None).all()
        return Response.json(rows["results"])

    async def kv(self) -> Any:
        await self.env.KV.put("k1", "v1", {"expirationTtl": 60, "metadata": {"a": 1}})
        entry = await self.env.KV.getWithMetadata("k1")
        listed = await self.env.KV.list({"prefix": "k"})
        return Response.json([entry["value"], entry["metadata"], await self.env.KV.get("nope"), len(listed["keys"])])

    async def r2(self) -> Any:
        await self.env.BUCKET.put("a/b", b"\x00\x01", {"httpMetadata": {"contentType": "text/plain"}})
        object_ = await self.env.BUCKET.get("a/b")
        data = list(bytes(await object_.arrayBuffer()))
        return Response.json([data, object_.httpMetadata.contentType, await self.env.BUCKET.get("nope")])

    async def enqueue(self) -> Any:
        await self.env.JOBS.send(self.query)
        return Response("queued")

    async def rate(self) -> Any:
        return Response.json([(await self.env.LIMIT.limit({"key": "u"}))["success"] for _ in range(3)])

    async def analytics(self) -> Any:
        self.env.POINTS.writeDataPoint({"blobs": ["a"], "doubles": [1.5], "indexes": ["i"]})
        return Response("written")

    async def ai(self) -> Any:
        return Response.json(await self.env.AI.run("@cf/a/model", {"prompt": "hi"}))

    async def greet(self) -> Any:
        return Response(await self.env.GREETER.greet("you"))

    async def counter(self) -> Any:
        stub = self.env.COUNTER.getByName(self.query["name"])
        answer = await (await stub.fetch("http://do/")).json()
        return Response.json({**answer, "rpc": await stub.add(5)})

    async def alarm(self) -> Any:
        await self.env.COUNTER.getByName("alarm").arm()
        return Response("armed")

    async def room(self) -> Any:
        return await self.env.ROOM.getByName("lobby").fetch(self.request)

    async def flow(self) -> Any:
        return Response((await self.env.FLOW.create({"params": {"n": 4}})).id)

    async def flow_status(self) -> Any:
        return Response.json(dict(await (await self.env.FLOW.get(self.query["id"])).status()))

    async def echo_socket(self) -> Any:
        client, server = js.WebSocketPair.new().object_values()
        server.accept()
        server.addEventListener("message", create_proxy(lambda event: server.send(f"echo {event.data}")))
        return Response(None, status=101, web_socket=client)

    async def sse(self) -> Any:
        stream = js.TransformStream.new()
        writer = stream.writable.getWriter()

        async def produce() -> None:
            for number in range(3):
                await writer.write(js.TextEncoder.new().encode(f"data: {number}\n\n"))
                await asyncio.sleep(0.1)
            await writer.close()

        self.ctx.waitUntil(produce())
        return Response(stream.readable, headers={"content-type": "text/event-stream"})

    async def background(self) -> Any:
        async def later() -> None:
            await asyncio.sleep(float(self.query.get("seconds", "0.05")))
            await self.env.KV.put("background", self.query.get("value", "done"))

        self.ctx.waitUntil(later())
        return Response("started")

    async def outbound(self) -> Any:
        answer = await fetch(self.query["url"], method="POST", body="ping")
        return Response(await answer.text(), status=answer.status)

    async def upload(self) -> Any:
        data = await self.request.bytes()
        return Response(bytes(reversed(data)), headers=[("set-cookie", "a=1"), ("set-cookie", "b=2")])

    async def sync(self) -> Any:
        run_sync(self.env.KV.put("sync", "yes"))
        return Response(run_sync(self.env.KV.get("sync")))

    async def sleepers(self) -> Any:
        await asyncio.gather(*(asyncio.sleep(0.1) for _ in range(10)))
        return Response("slept")

    async def boom(self) -> Never:
        raise RuntimeError("boom from python")

    async def files(self) -> Any:
        here = Path(__file__).parent
        written = []
        for place in (here / "new.txt", here / "words.txt"):
            try:
                place.write_text("x")
                written.append(place.name)
            except OSError:
                pass
        return Response.json({"files": sorted(path.name for path in here.glob("*.*")), "written": written})

    async def loop(self) -> Never:
        while True:
            pass

    async def deaf(self) -> None:
        deque(itertools.repeat(0), maxlen=0)  # a loop in C, which no interrupt reaches


class Default(WorkerEntrypoint):
    async def fetch(self, request: Any) -> Any:
        url = urlsplit(request.url)
        route = getattr(Routes, url.path.strip("/").replace("-", "_") or "hello", None)
        if route is None:
            return Response("not found", status=404)
        return await route(Routes(self, request, dict(parse_qsl(url.query))))

    async def scheduled(self, controller: Any, _env: Any = None, _ctx: Any = None) -> None:
        await self.env.KV.put("cron", f"{controller.cron}@{int(controller.scheduledTime)}")

    async def queue(self, batch: Any, _env: Any = None, _ctx: Any = None) -> None:
        for message in batch.messages:
            body = message.body
            if batch.queue == "jobs" and message.attempts <= int(body.get("fail", 0)):
                message.retry()
                continue
            await self.env.KV.put(
                f"{batch.queue}:{body['id']}", json.dumps({"attempts": message.attempts, "body": body})
            )
            message.ack()
