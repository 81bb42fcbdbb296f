"""PUT, GET and DELETE of subscriptions (contract §11)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from hca_core import versions
from hca_local.server.problems import ProblemError
from hca_local.subscriptions import definition, table
from hca_local.subscriptions.records import ELASTICSEARCH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from sqlite3 import Connection

    from hca_local.dss.calls import Call
    from hca_local.subscriptions.records import Subscription

MOST_SUBSCRIPTIONS = 100


async def put(call: Call) -> Response:
    """Make a subscription; the answer is all of it, for this once with the signing key."""
    subscription = definition.made(call.body, call.replica, call.email)
    await call.deployment.writer.run(lambda connection: _add(connection, subscription))
    return _json(subscription.document, 201)


async def get_all(call: Call) -> Response:
    """Answer with the caller's subscriptions of one type."""
    kind = call.parameters["subscription_type"]
    found = table.of_owner(call.deployment.records, call.replica, kind, call.email)
    return _json({"subscriptions": [subscription.shown for subscription in found]})


async def get(call: Call) -> Response:
    """Answer with one subscription of the caller."""
    return _json(_found(call.deployment.records, call).shown)


async def delete(call: Call) -> Response:
    """End a subscription: calls that were not made yet are not made any more."""
    await call.deployment.writer.run(lambda connection: _remove(connection, call))
    return _json({"timeDeleted": versions.now()})


def _add(connection: Connection, subscription: Subscription) -> None:
    if table.count(connection, subscription.owner) >= MOST_SUBSCRIPTIONS:
        title = f"{subscription.owner} has {MOST_SUBSCRIPTIONS} subscriptions, which is as many as a user may have."
        raise ProblemError(406, "not_acceptable", title)
    table.add(connection, subscription)


def _remove(connection: Connection, call: Call) -> None:
    table.remove(connection, _found(connection, call).uuid)


def _found(connection: Connection, call: Call) -> Subscription:
    """Return the subscription that the request is about. Raises ProblemError (403, 404)."""
    kind = call.parameters["subscription_type"]
    found = table.one(connection, call.replica, kind, call.parameters["uuid"])
    if found is not None and found.owner != call.email and kind == ELASTICSEARCH:
        raise ProblemError(403, "Forbidden", "Your credentials can't access this subscription!")
    if found is None or found.owner != call.email:
        raise ProblemError(404, "not_found", "Cannot find subscription!")
    return found


def _json(document: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(document), status, media_type="application/json")
