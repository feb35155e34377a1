"""Clients that cost little: bare connections in a process of their own, which only look for the time in each event.

`python -m benchmarks.live.clients KIND URL KEY COUNT` connects and prints a line of JSON. When its input ends it
prints another: how many nanoseconds each event took to each connection.
"""

import asyncio
import json
import re
import resource
import sys
import time
from urllib.parse import urlsplit

TIME = re.compile(rb'"t":(\d+)[,}]')
AT_ONCE = 100
UPGRADE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class Clients:
    """Many connections, and their latencies."""

    def __init__(self, kind: str, url: str, key: str) -> None:
        where = urlsplit(url)
        self.host = where.hostname
        self.port = where.port
        headers = {"host": where.netloc, "authorization": f"Bearer {key}", **(UPGRADE if kind == "ws" else {})}
        path = "/ws" if kind == "ws" else "/events"
        lines = [f"GET {path}?types=custom.bench HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self.head = "\r\n".join([*lines, "", ""]).encode()
        self.latencies: list[int] = []
        self.ready = 0
        self.opening = asyncio.Semaphore(AT_ONCE)

    async def follow(self) -> None:
        """Connect, and read events."""
        async with self.opening:
            reader, writer = await asyncio.open_connection(self.host, self.port)
            writer.write(self.head)
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith((b"HTTP/1.1 101", b"HTTP/1.1 200")):
                raise SystemExit(answer.decode())
            await reader.read(1)  # of the greeting: the log knows this reader
            self.ready += 1
        rest = b""
        while part := await reader.read(1 << 16):
            now = time.monotonic_ns()
            end = 0
            rest += part
            for match in TIME.finditer(rest):
                self.latencies.append(now - int(match[1]))
                end = match.end()
            rest = rest[end:][-40:]

    async def run(self, count: int) -> None:
        """Connect all, then read events until the input ends."""
        started = time.monotonic()
        following = [asyncio.create_task(self.follow()) for _ in range(count)]
        while self.ready < count:
            await asyncio.sleep(0.05)
            for task in following:
                if task.done():
                    task.result()
        print(json.dumps({"ready": time.monotonic() - started}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        print(json.dumps({"taken": self.latencies, "left": sum(task.done() for task in following)}), flush=True)
        for task in following:
            task.cancel()


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(Clients(sys.argv[1], sys.argv[2], sys.argv[3]).run(int(sys.argv[4])))
