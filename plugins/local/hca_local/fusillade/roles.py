"""The operations on roles (contract §7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from hca_local.fusillade import changes, nodes
from hca_local.fusillade.calls import text
from hca_local.fusillade.directory import ROLE

if TYPE_CHECKING:
    from starlette.responses import Response

    from hca_local.fusillade.calls import Call


async def get_all(call: Call) -> Response:
    """List the roles."""
    return nodes.listed(call, ROLE)


async def post(call: Call) -> Response:
    """Make a role. Raises FusilladeError (400, 409)."""
    name, policy = call.body["role_id"], nodes.optional_policy(call.body)
    await call.change(lambda it: changes.create(it, ROLE, name, policy=policy, owner=call.user))
    return text(f"New role {name} created.", 201)


async def get(call: Call) -> Response:
    """Show a role. Raises FusilladeError (404)."""
    name = nodes.named(call, ROLE)
    return JSONResponse({"role_id": name, "policies": nodes.policies(call, ROLE, name)})


async def delete(call: Call) -> Response:
    """Delete a role. Raises FusilladeError (404)."""
    return await nodes.delete(call, ROLE)


async def put_policy(call: Call) -> Response:
    """Set the policy of a role. Raises FusilladeError (400, 404)."""
    await nodes.change_policy(call, ROLE)
    return text("Role policy updated.")
