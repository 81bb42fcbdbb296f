"""The operations on users (contract §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from hca_local.fusillade import changes, directory, errors, nodes
from hca_local.fusillade.calls import page
from hca_local.fusillade.directory import GROUP, ROLE, USER
from hca_local.identity import sessions

if TYPE_CHECKING:
    from sqlite3 import Connection

    from starlette.responses import Response

    from hca_local.fusillade.calls import Call

_ENABLED, _DISABLED = "enabled", "disabled"


async def get_all(call: Call) -> Response:
    """List the users."""
    return nodes.listed(call, USER)


async def post(call: Call) -> Response:
    """Make a user. Raises FusilladeError (400, 409)."""
    name, policy = call.body["user_id"], nodes.optional_policy(call.body)
    links = [(GROUP, one) for one in call.body.get("groups", ())] + [(ROLE, one) for one in call.body.get("roles", ())]
    await call.change(lambda it: changes.create(it, USER, name, policy=policy, owner=call.user, links=links))
    return JSONResponse({"msg": f"{name} created."}, 201)


async def get(call: Call) -> Response:
    """Show a user. Raises FusilladeError (404)."""
    name = nodes.named(call, USER)
    status = _ENABLED if directory.is_enabled(call.records, name) else _DISABLED
    return JSONResponse({"user_id": name, "status": status, "policies": nodes.policies(call, USER, name)})


async def put(call: Call) -> Response:
    """Enable or disable a user; one who is disabled has no login any more. Raises FusilladeError (404, 409)."""
    name, status = nodes.name_of(call, USER), call.parameters["status"]
    if name == call.user and status != _ENABLED:
        raise errors.conflict("Nobody can disable himself; ask another administrator.")

    def change(connection: Connection) -> None:
        changes.set_enabled(connection, name, enabled=status == _ENABLED)
        if status != _ENABLED:
            sessions.revoke_all(connection, name)

    await call.change(change)
    return JSONResponse({"user_id": name, "status": status, "msg": f"User status set to {status}."})


async def get_owns(call: Call) -> Response:
    """List the groups or roles that a user made. Raises FusilladeError (404)."""
    name, kind = nodes.named(call, USER), call.parameters["resource_type"]
    return page(call, f"{kind}s", "SELECT name FROM fusillade_nodes WHERE owner=? AND kind=?", (name, kind))


async def get_groups(call: Call) -> Response:
    """List the groups of a user. Raises FusilladeError (404)."""
    return nodes.links(call, USER, GROUP)


async def put_groups(call: Call) -> Response:
    """Put a user into groups or take him out. Raises FusilladeError (304, 400, 404, 409)."""
    return await nodes.change_links(call, USER, GROUP)


async def get_roles(call: Call) -> Response:
    """List the roles that a user has himself. Raises FusilladeError (404)."""
    return nodes.links(call, USER, ROLE)


async def put_roles(call: Call) -> Response:
    """Give a user roles or take them. Raises FusilladeError (304, 400, 404)."""
    return await nodes.change_links(call, USER, ROLE)


async def put_policy(call: Call) -> Response:
    """Set the policy of a user. Raises FusilladeError (400, 404)."""
    name = await nodes.change_policy(call, USER)
    return JSONResponse({"user_id": name, "msg": "User's policy successfully modified."})
