"""The webhooks of the simulated Sanity: their bodies, signatures and retries."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.request import Request, urlopen

import pytest

from pyedge.client import NODE_MODULES, ROOT, node
from sims.sanity import SanitySim, sign

pytestmark = pytest.mark.slow  # a stand-in's own tests

CHECK = """
import { isValidSignature } from "@sanity/webhook";
const cases = JSON.parse(process.argv[1]);
const valid = await Promise.all(cases.map(([body, header, secret]) => isValidSignature(body, header, secret)));
process.stdout.write(JSON.stringify(valid));
"""


@dataclass(slots=True)
class Listener:
    """A server that keeps posted bodies and answers with the next of `statuses`, then with 200."""

    url: str
    statuses: list[int] = field(default_factory=list)
    posts: list[tuple[dict[str, str], str]] = field(default_factory=list)


@pytest.fixture
def listener() -> Iterator[Listener]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            started.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(started.statuses.pop(0) if started.statuses else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        started = Listener(f"http://127.0.0.1:{server.server_port}/hook")
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield started
        server.shutdown()
        thread.join(10)


@pytest.fixture
def sim(listener: Listener) -> Iterator[SanitySim]:
    with SanitySim() as sim:
        sim.hook(listener.url)
        yield sim


def test_changes_are_posted(sim: SanitySim, listener: Listener) -> None:
    document = sim.put({"_id": "post-new", "_type": "post", "slug": {"_type": "slug", "current": "neu-für-alle"}})
    sim.settle()
    sim.put(document)
    sim.settle()
    sim.delete("post-new")
    sim.settle()
    assert [headers["sanity-operation"] for headers, _ in listener.posts] == ["create", "update", "delete"]
    headers, body = listener.posts[0]
    slug = {"current": "neu-für-alle"}
    assert json.loads(body) == {"_id": "post-new", "_type": "post", "_rev": document["_rev"], "slug": slug}
    assert (headers["sanity-document-id"], headers["content-type"]) == ("post-new", "application/json")
    assert (headers["sanity-project-id"], headers["sanity-dataset"]) == (sim.project_id, sim.dataset)
    assert len({headers["idempotency-key"] for headers, _ in listener.posts}) == 3
    assert sim.deliveries == [(200, body) for _, body in listener.posts]


def test_a_mutation_is_posted_and_drafts_are_not(sim: SanitySim, listener: Listener) -> None:
    mutations = [
        {"patch": {"id": "announcement-chat", "unset": ["slug"]}},
        {"patch": {"id": "drafts.post-sponsor", "set": {"title": "?"}}},
        {"delete": {"id": "nobody"}},
    ]
    headers = {"authorization": f"Bearer {sim.write_token}", "content-type": "application/json"}
    data = json.dumps({"mutations": mutations}).encode()
    with urlopen(Request(f"{sim.url}/v1/data/mutate/production", data, headers), timeout=10) as response:
        transaction = json.load(response)["transactionId"]
    sim.settle()
    assert [(json.loads(body)["_id"], json.loads(body)["slug"]) for _, body in listener.posts] == [
        ("announcement-chat", None)
    ]
    assert listener.posts[0][0]["sanity-transaction-id"] == transaction


@pytest.mark.parametrize(
    ("statuses", "delivered"), [([503, 429, 200], [503, 429, 200]), ([500] * 9, [500] * 4), ([404], [404])]
)
def test_failed_deliveries_are_retried_with_the_same_key(
    sim: SanitySim, listener: Listener, statuses: list[int], delivered: list[int]
) -> None:
    listener.statuses = statuses
    sim.put({"_id": "a", "_type": "tip"})
    sim.settle()
    assert [delivery.status for delivery in sim.deliveries] == delivered
    assert len({headers["idempotency-key"] for headers, _ in listener.posts}) == 1


def test_deliveries_to_an_unavailable_server_are_given_up(sim: SanitySim) -> None:
    sim.unhook()
    sim.hook("http://127.0.0.1:9/away")
    sim.put({"_id": "a", "_type": "tip"})
    sim.settle()
    assert [delivery.status for delivery in sim.deliveries] == [0] * 4


def test_signatures_are_those_that_sanitys_package_takes(sim: SanitySim, listener: Listener) -> None:
    if not (NODE_MODULES / "@sanity" / "webhook").is_dir():
        pytest.skip("@sanity/webhook is not there: npm brings it")
    sim.put({"_id": "a", "_type": "tip", "slug": {"current": "größe"}})
    sim.settle()
    (headers, body) = listener.posts[0]
    header = headers["sanity-webhook-signature"]
    cases = [
        (body, header, sim.webhook_secret),
        (body + " ", header, sim.webhook_secret),
        (body, header, "another"),
        ("{}", sign("secret", "{}", 1_700_000_000_000), "secret"),
        ("{}", sign("secret", b"{}", 1_700_000_000_001), "secret"),
    ]
    command = [node(), "--input-type=module", "--eval", CHECK, json.dumps(cases)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == [True, False, False, True, True]
