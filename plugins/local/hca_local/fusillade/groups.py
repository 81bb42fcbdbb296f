"""The operations on groups (contract §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from hca_local.fusillade import changes, checks, defaults, nodes
from hca_local.fusillade.calls import page, text
from hca_local.fusillade.directory import GROUP, ROLE, USER

if TYPE_CHECKING:
    from starlette.responses import Response

    from hca_local.fusillade.calls import Call


async def get_all(call: Call) -> Response:
    """List the groups."""
    return nodes.listed(call, GROUP)


async def post(call: Call) -> Response:
    """Make a group. Raises FusilladeError (400, 409)."""
    name, policy = call.body["group_id"], nodes.optional_policy(call.body) or defaults.GROUP_POLICY
    links = [(ROLE, one) for one in call.body.get("roles", ())]
    await call.change(lambda it: changes.create(it, GROUP, name, policy=policy, owner=call.user, links=links))
    return text(f"New role {name} created.", 201)  # the service says so of groups too


async def get(call: Call) -> Response:
    """Show a group. Raises FusilladeError (404)."""
    name = nodes.named(call, GROUP)
    return JSONResponse({"group_id": name, "policies": nodes.policies(call, GROUP, name)})


async def delete(call: Call) -> Response:
    """Delete a group. Raises FusilladeError (404)."""
    return await nodes.delete(call, GROUP)


async def get_roles(call: Call) -> Response:
    """List the roles of a group. Raises FusilladeError (404)."""
    return nodes.links(call, GROUP, ROLE)


async def put_roles(call: Call) -> Response:
    """Give a group roles or take them. Raises FusilladeError (304, 400, 404)."""
    return await nodes.change_links(call, GROUP, ROLE)


async def get_users(call: Call) -> Response:
    """List the users in a group. Raises FusilladeError (404)."""
    select = "SELECT name FROM fusillade_links WHERE of_kind=? AND of_name=? AND kind=?"
    return page(call, "users", select, (GROUP, nodes.named(call, GROUP), USER))


async def put_users(call: Call) -> Response:
    """Put users into a group or take them out. Raises FusilladeError (304, 400, 404, 409)."""
    name, users, action = nodes.name_of(call, GROUP), checks.needed(call.body, "users"), call.parameters["action"]
    change = changes.add_users if action == nodes.ADD else changes.remove_users
    await call.change(lambda it: change(it, name, users))
    return nodes.changed(call, GROUP, "users", name)


async def put_policy(call: Call) -> Response:
    """Set the policy of a group. Raises FusilladeError (400, 404)."""
    return text(f"{await nodes.change_policy(call, GROUP)} policy modified.")
