"""What the operations on users, groups and roles have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from hca_local.fusillade import changes, checks, directory, errors
from hca_local.fusillade.calls import page, text
from hca_local.policies.documents import check_size, identity_policy, normal
from hca_local.policies.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from hca_local.fusillade.calls import Call

ADD = "add"


def listed(call: Call, kind: str) -> Response:
    """Return a page of all users, groups or roles."""
    return page(call, f"{kind}s", "SELECT name FROM fusillade_nodes WHERE kind=?", (kind,))


def named(call: Call, kind: str) -> str:
    """Return the name of the user, group or role that `call` reads. Raises FusilladeError (404)."""
    name = name_of(call, kind)
    changes.require_node(call.records, kind, name)
    return name


def name_of(call: Call, kind: str) -> str:
    """Return the name of the user, group or role that `call` is about, be it there or not."""
    name: str = call.parameters[f"{kind}_id"]
    return name


def policies(call: Call, kind: str, name: str) -> dict[str, Any]:
    """Return the policy of a node by its kind, {} if it has none."""
    found = directory.policy_text(call.records, kind, name)
    return {} if found is None else {"IAMPolicy": json.loads(found)}


def links(call: Call, kind: str, end: str) -> Response:
    """Return a page of the groups or roles (`end`) of a node. Raises FusilladeError (404)."""
    select = "SELECT of_name AS name FROM fusillade_links WHERE kind=? AND name=? AND of_kind=?"
    return page(call, f"{end}s", select, (kind, named(call, kind), end))


async def change_links(call: Call, kind: str, end: str) -> Response:
    """Give a node groups or roles (`end`) or take them. Raises FusilladeError (304, 400, 404, 409)."""
    name, names = name_of(call, kind), checks.needed(call.body, f"{end}s")
    change = changes.add_links if call.parameters["action"] == ADD else changes.remove_links
    await call.change(lambda it: change(it, (kind, name), end, names))
    return changed(call, kind, f"{end}s", name)


def changed(call: Call, kind: str, key: str, name: str) -> Response:
    """Return what tells that the list `key` of a node was changed."""
    message = f"{kind}'s {key} successfully modified."
    action = call.parameters["action"]
    return JSONResponse({key: call.body[key], "action": action, f"{kind}_id": name, "msg": message})


async def change_policy(call: Call, kind: str) -> str:
    """Set the policy of a node and return its name. Raises FusilladeError (400, 404)."""
    policy, name = checked(checks.needed(call.body, "policy")), name_of(call, kind)
    await call.change(lambda it: changes.set_policy(it, kind, name, policy))
    return name


async def delete(call: Call, kind: str) -> Response:
    """Delete a group or role. Raises FusilladeError (404)."""
    name = name_of(call, kind)
    await call.change(lambda it: changes.delete(it, kind, name))
    return text(f"{name} deleted.")


def optional_policy(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the policy in a body, None if there is none. Raises FusilladeError (400)."""
    return checked(body["policy"]) if "policy" in body else None


def checked(document: dict[str, Any]) -> dict[str, Any]:
    """Return an identity policy as it is kept. Raises FusilladeError (400)."""
    try:
        check_size(document)
        identity_policy(document)
    except PolicyError as error:
        raise errors.bad_request(f"Invalid iam policy format. {error}") from error
    return normal(document)
