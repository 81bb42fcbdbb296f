"""The wait for data that is on its way to the checkout bucket: tokens, and the redirects that carry them."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING

from starlette.responses import Response

from hca_local.server.problems import ProblemError

if TYPE_CHECKING:
    from hca_local.dss.calls import Call


def next_token(token: str | None) -> str:
    """Return the token for the next request: a new one, or `token` with one more attempt.

    Raises ProblemError (400 illegal_token).
    """
    if token is None:
        state = {"execution_id": str(uuid.uuid4()), "start_time": time.time(), "attempts": 0}
    else:
        try:
            state = json.loads(token)
            state["attempts"] += 1
        except (ValueError, KeyError, TypeError) as error:
            raise ProblemError(400, "illegal_token", "Could not understand token") from error
    return json.dumps(state, separators=(",", ":"))


def wait(call: Call, token: str) -> Response:
    """Return the answer that tells the client to wait and then to ask again with `token`."""
    retry_after = str(call.deployment.settings.retry_after)
    return Response(status_code=301, headers={"Location": call.url(token=token), "Retry-After": retry_after})
