"""A stand-in for Sanity: a project's private dataset over its HTTP API, with GROQ, mutations and signed webhooks.

`python -m sims.sanity` (with `tools` on PYTHONPATH) serves it; `with SanitySim() as sim:` does so inside a test. Its
switches need no token and are not part of Sanity:

    GET          /_sim/documents       all documents, with drafts
    PUT, DELETE  /_sim/documents/{id}  write or delete one, without checking references; webhooks are called
    GET          /_sim/requests        the journal of requests
    POST         /_sim/fail            let the next requests fail: see `SanitySim.fail`
    POST         /_sim/hooks           {"url", "secret"?}: post changes there from now on
    GET          /_sim/deliveries      the webhook calls, and the status of each answer
    POST         /_sim/reset           restore the initial documents, and empty the journal
"""

from sims.sanity.faults import Fault, RequestEntry
from sims.sanity.hooks import Delivery, sign
from sims.sanity.server import SanitySim

__all__ = ["Delivery", "Fault", "RequestEntry", "SanitySim", "sign"]
