"""GET of all bundles: the versions that are not deleted, in the order of their keys."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from hca_core import versions
from hca_local.dss import paging
from hca_local.server.problems import ProblemError
from hca_local.store import reading

if TYPE_CHECKING:
    from starlette.responses import Response

    from hca_local.dss.calls import Call

_FOLDER = "bundles/"


async def get(call: Call) -> Response:
    """Answer with a page of bundle versions. A page that is just full has a next one, which may be empty."""
    wanted = call.parameters
    prefix, per_page = (wanted["prefix"] or "").lower(), wanted["per_page"]
    after = _key_after(wanted["search_after"], wanted["token"])
    keys = reading.bundle_keys(call.deployment.records, wanted["replica"], prefix, after, per_page)
    body: dict[str, Any] = {
        "dss_api": call.base,
        "object": "list",
        "per_page": per_page,
        "search_prefix": f"{_FOLDER}{prefix}",
        "event_timestamp": versions.now(),
        "bundles": [dict(zip(("uuid", "version"), reading.split_key(key), strict=True)) for key in keys],
        "page_count": len(keys),
        "has_more": len(keys) == per_page,
    }
    following = None
    if body["has_more"]:
        cursor = {"token": base64.urlsafe_b64encode(keys[-1].encode()).decode(), "search_after": f"{_FOLDER}{keys[-1]}"}
        following = call.url(**cursor)
        body |= {**cursor, "link": following}
    return paging.response(json.dumps(body), "bundles", following)


def _key_after(search_after: str | None, token: str | None) -> str:
    """Return the key behind which the page begins; the object key says it, or else the token. Raises ProblemError."""
    if search_after is not None:
        return search_after.removeprefix(_FOLDER)
    if token is None:
        return ""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise ProblemError(400, "illegal_token", "Could not understand token") from error
