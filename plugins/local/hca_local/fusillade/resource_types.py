"""The operations on resource types, their policies, their resources and who has access to these (contract §8)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from hca_local.fusillade import checks, errors, resources
from hca_local.fusillade.calls import page, text
from hca_local.policies.documents import check_size, normal, resource_policy
from hca_local.policies.errors import PolicyError

if TYPE_CHECKING:
    from sqlite3 import Connection

    from starlette.responses import Response

    from hca_local.fusillade.calls import Call


async def get_all(call: Call) -> Response:
    """List the types."""
    return page(call, "resources", "SELECT name FROM fusillade_types", ())


async def get(call: Call) -> Response:
    """Show a type. Raises FusilladeError (404)."""
    name = _type(call)
    return JSONResponse({"actions": " ".join(resources.actions_of(call.records, name)), "resource_type": name})


async def post(call: Call) -> Response:
    """Make a type. Raises FusilladeError (400, 409)."""
    name, actions = call.parameters["resource_type_name"], call.body.get("actions", [])
    await call.change(lambda it: resources.add_type(it, name, actions))
    return text(f"New resource type {name} created.", 201)


async def delete(call: Call) -> Response:
    """Delete a type, unless it has resources. Raises FusilladeError (404)."""
    name = _type(call)

    def work(connection: Connection) -> list[str]:
        resources.actions_of(connection, name)
        rows = connection.execute("SELECT name FROM fusillade_resources WHERE type=? ORDER BY name LIMIT 30", (name,))
        remaining = [_resource_path(name, row[0]) for row in rows]
        if not remaining:
            resources.remove_type(connection, name)
        return remaining

    remaining = await call.change(work)
    if remaining:
        message = f"{name} has resources: delete them first."
        return JSONResponse({"msg": message, "resource_ids": remaining}, 409)
    return JSONResponse({"msg": f"{name} deleted.", "resource_type": name})


async def get_actions(call: Call) -> Response:
    """List the actions of a type. Raises FusilladeError (404)."""
    return JSONResponse({"actions": resources.actions_of(call.records, _type(call))})


async def put_actions(call: Call) -> Response:
    """Add actions to a type. Raises FusilladeError (400, 404)."""
    name, given = call.parameters["resource_type_name"], set(checks.needed(call.body, "actions"))
    await call.change(lambda it: resources.set_actions(it, name, given.union(resources.actions_of(it, name))))
    return text(f"{name} actions modified.")


async def delete_actions(call: Call) -> Response:
    """Remove actions from a type. Raises FusilladeError (400, 404)."""
    name, given = call.parameters["resource_type_name"], set(checks.needed(call.body, "actions"))
    await call.change(lambda it: resources.set_actions(it, name, set(resources.actions_of(it, name)) - given))
    return text(f"{name} actions modified.")


async def get_policies(call: Call) -> Response:
    """List the policies of a type. Raises FusilladeError (404)."""
    name = _type(call)
    select = "SELECT name FROM fusillade_levels WHERE type=?"
    return page(call, "policies", select, (name,), lambda one: f"/resource/{name}/policy/{one}")


async def get_policy(call: Call) -> Response:
    """Show a policy of a type. Raises FusilladeError (404)."""
    found = resources.level(call.records, _type(call), call.parameters["policy_name"])
    return JSONResponse({"policy": found, "policy_type": resources.RESOURCE_POLICY})


async def post_policy(call: Call) -> Response:
    """Make a policy of a type. Raises FusilladeError (400, 404, 409)."""
    name, level, policy = _type(call), call.parameters["policy_name"], _policy(call)
    await call.change(lambda it: resources.add_level(it, name, level, policy))
    return text("New policy created.", 201)


async def put_policy(call: Call) -> Response:
    """Replace a policy of a type. Raises FusilladeError (400, 404)."""
    name, level, policy = _type(call), call.parameters["policy_name"], _policy(call)
    await call.change(lambda it: resources.set_level(it, name, level, policy))
    return text("Policy modified.")


async def delete_policy(call: Call) -> Response:
    """Delete a policy of a type. Raises FusilladeError (404, 409)."""
    name, level = _type(call), call.parameters["policy_name"]
    await call.change(lambda it: resources.remove_level(it, name, level))
    return text("Policy deleted.")


async def get_ids(call: Call) -> Response:
    """List the resources of a type. Raises FusilladeError (404)."""
    name = _type(call)
    select = "SELECT name FROM fusillade_resources WHERE type=?"
    return page(call, "resource_ids", select, (name,), lambda one: _resource_path(name, one), resource_type=name)


async def get_id(call: Call) -> Response:
    """Show a resource. Raises FusilladeError (404)."""
    type_name, name = _resource(call)
    return JSONResponse({f"resource/{type_name}_id": name})


async def post_id(call: Call) -> Response:
    """Make a resource. Raises FusilladeError (404, 409)."""
    type_name, name = call.parameters["resource_type_name"], call.parameters["resource_id"]
    await call.change(lambda it: resources.add_resource(it, type_name, name, call.user))
    message = f"New resource {name} created."
    return JSONResponse({"msg": message, "resource_type": type_name, "resource_id": name}, 201)


async def delete_id(call: Call) -> Response:
    """Delete a resource. Raises FusilladeError (404)."""
    type_name, name = _resource(call)
    await call.change(lambda it: resources.remove_resource(it, type_name, name))
    return JSONResponse({"msg": f"{name} deleted.", "resource_type": type_name, "resource_id": name})


async def get_members(call: Call) -> Response:
    """List who has access to a resource. Raises FusilladeError (404)."""
    found = _resource(call)
    select = "SELECT json_array(kind, member, level) AS name FROM fusillade_access WHERE type=? AND resource=?"
    return page(call, "members", select, found, _member)


async def put_members(call: Call) -> Response:
    """Set the access level of a member, or take it away. Raises FusilladeError (400, 404)."""
    type_name, name = _resource(call)
    (member,) = call.body
    who, level = (member["member_type"], member["member"]), member.get("access_level")
    await call.change(lambda it: resources.set_access(it, type_name, name, who, level))
    return JSONResponse({"msg": "Access levels modified.", "resource_type": type_name, "resource_id": name})


def _type(call: Call) -> str:
    name: str = call.parameters["resource_type_name"]
    if not resources.is_registered(call.records, name):
        raise errors.not_found()
    return name


def _resource(call: Call) -> tuple[str, str]:
    type_name, name = _type(call), call.parameters["resource_id"]
    resources.require_resource(call.records, type_name, name)
    return type_name, name


def _policy(call: Call) -> dict[str, Any]:
    """Return the policy in the body as it is kept. Raises FusilladeError (400)."""
    document: dict[str, Any] = checks.needed(call.body, "policy")
    try:
        check_size(document)
        policy = resource_policy(document)
    except PolicyError as error:
        raise errors.bad_request(f"Invalid resource policy format. {error}") from error
    allowed = resources.actions_of(call.records, call.parameters["resource_type_name"])
    if policy.open_ended or not set(policy.actions) <= set(allowed):
        raise errors.illegal_arguments(f"Invalid actions in policy. Allowed actions are {allowed}")
    return normal(document)


def _resource_path(type_name: str, name: str) -> str:
    return f"/resource/{type_name}/id/{name}"


def _member(row: str) -> dict[str, str]:
    kind, member, level = json.loads(row)
    return {"member": member, "member_type": kind, "access_level": level}
