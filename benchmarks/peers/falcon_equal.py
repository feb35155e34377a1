"""The small API in Falcon with all that this kernel does."""

from typing import Any

from pydantic import ValidationError

from benchmarks.peers.equal import equal, invalid
from benchmarks.peers.falcon_api import Drives, build


class EqualDrives(Drives):
    def refuse(self, fault: ValidationError, req: Any, resp: Any) -> None:
        resp.content_type = "application/problem+json"
        resp.data = invalid(fault, req.path, req.scope["request_id"])


app = equal(build(EqualDrives()))
