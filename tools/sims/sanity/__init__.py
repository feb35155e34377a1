"""A stand-in for Sanity: a project's private dataset over its HTTP API, with GROQ, mutations and signed webhooks.

`python -m sims.sanity` (with `tools` on PYTHONPATH) serves it; `with SanitySim() as sim:` does so inside a test. Its
switches need no token and are not part of Sanity:

    GET          /_sim/documents       all documents, drafts too
    PUT, DELETE  /_sim/documents/{id}  write or delete one, whatever refers to it; hooks hear of it
    GET          /_sim/requests        what was asked
    POST         /_sim/fail            let the next requests fail: see `SanitySim.fail`
    POST         /_sim/hooks           {"url", "secret"?}: post there what changes from now on
    GET          /_sim/deliveries      what was posted, and how it was answered
    POST         /_sim/reset           the documents of the start, and an empty journal
"""

from sims.sanity.faults import Fault, RequestEntry
from sims.sanity.hooks import Delivery, sign
from sims.sanity.server import SanitySim

__all__ = ["Delivery", "Fault", "RequestEntry", "SanitySim", "sign"]
