"""The mark of a node that its file is to be brought back from a location (contract §10)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from hca_local.shock import nodes, rights
from hca_local.shock.calls import Route, ShockError, answer

if TYPE_CHECKING:
    from hca_local.shock.calls import Call

_VALUES = {"true": True, "false": False}


async def get(call: Call) -> Response:
    """Tell whether a node has the mark. Raises ShockError (401, 404)."""
    return answer(rights.load(call, rights.READ)["restore"])


async def get_value(call: Call) -> Response:
    """Tell the same; the service has nothing to say at this path. Raises ShockError (400, 401, 404)."""
    _value(call)
    response = await get(call)
    return Response() if call.shock.quirks else response


async def post(call: Call) -> Response:
    """Set or take the mark, an administrator's task. Raises ShockError (400, 401, 404)."""
    value = _value(call)
    doc = rights.load(call, rights.READ)
    rights.require_admin(call)
    await call.shock.writer.run(lambda it: nodes.change(it, doc["id"], lambda doc: doc.update(restore=value)))
    return answer(value)


def _value(call: Call) -> bool:
    """Return the value in the path. Raises ShockError (400)."""
    text = call.ids["value"]
    if text not in _VALUES:
        raise ShockError(400, f"The mark is set with true and taken with false, not with {text!r}.")
    return _VALUES[text]


ROUTES = (
    Route("GET", "/node/{id}/restore", get),
    Route("GET", "/node/{id}/restore/{value}", get_value),
    Route("POST", "/node/{id}/restore/{value}", post),
)
