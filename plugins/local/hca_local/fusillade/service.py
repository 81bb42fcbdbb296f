"""Puts the operations of the API description on routes: finds, checks who asks and what, calls."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from starlette.responses import Response
from starlette.routing import Route

from hca_local.fusillade import (
    checks,
    description,
    directory,
    errors,
    evaluation,
    groups,
    names,
    permissions,
    resource_types,
    roles,
    users,
)
from hca_local.fusillade.calls import Call
from hca_local.identity.caller import TokenError
from hca_local.server import publishing, requests
from hca_local.server.pages import Page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from hca_local.fusillade.description import Operation
    from hca_local.server.deployment import Deployment

    Handler = Callable[[Call], Awaitable[Response]]

_TYPE = "/v1/resource/{resource_type_name}"
HANDLERS: dict[tuple[str, str], Handler] = {
    ("POST", "/v1/policies/evaluate"): evaluation.post,
    ("GET", "/v1/users"): users.get_all,
    ("POST", "/v1/user"): users.post,
    ("GET", "/v1/user/{user_id}"): users.get,
    ("PUT", "/v1/user/{user_id}"): users.put,
    ("GET", "/v1/user/{user_id}/owns"): users.get_owns,
    ("GET", "/v1/user/{user_id}/groups"): users.get_groups,
    ("PUT", "/v1/user/{user_id}/groups"): users.put_groups,
    ("GET", "/v1/user/{user_id}/roles"): users.get_roles,
    ("PUT", "/v1/user/{user_id}/roles"): users.put_roles,
    ("PUT", "/v1/user/{user_id}/policy"): users.put_policy,
    ("GET", "/v1/groups"): groups.get_all,
    ("POST", "/v1/group"): groups.post,
    ("GET", "/v1/group/{group_id}"): groups.get,
    ("DELETE", "/v1/group/{group_id}"): groups.delete,
    ("GET", "/v1/group/{group_id}/roles"): groups.get_roles,
    ("PUT", "/v1/group/{group_id}/roles"): groups.put_roles,
    ("GET", "/v1/group/{group_id}/users"): groups.get_users,
    ("PUT", "/v1/group/{group_id}/users"): groups.put_users,
    ("PUT", "/v1/group/{group_id}/policy"): groups.put_policy,
    ("GET", "/v1/roles"): roles.get_all,
    ("POST", "/v1/role"): roles.post,
    ("GET", "/v1/role/{role_id}"): roles.get,
    ("DELETE", "/v1/role/{role_id}"): roles.delete,
    ("PUT", "/v1/role/{role_id}/policy"): roles.put_policy,
    ("GET", "/v1/resources"): resource_types.get_all,
    ("GET", _TYPE): resource_types.get,
    ("POST", _TYPE): resource_types.post,
    ("DELETE", _TYPE): resource_types.delete,
    ("GET", f"{_TYPE}/actions"): resource_types.get_actions,
    ("PUT", f"{_TYPE}/actions"): resource_types.put_actions,
    ("DELETE", f"{_TYPE}/actions"): resource_types.delete_actions,
    ("GET", f"{_TYPE}/policies"): resource_types.get_policies,
    ("GET", f"{_TYPE}/policy/{{policy_name}}"): resource_types.get_policy,
    ("POST", f"{_TYPE}/policy/{{policy_name}}"): resource_types.post_policy,
    ("PUT", f"{_TYPE}/policy/{{policy_name}}"): resource_types.put_policy,
    ("DELETE", f"{_TYPE}/policy/{{policy_name}}"): resource_types.delete_policy,
    ("GET", f"{_TYPE}/ids"): resource_types.get_ids,
    ("GET", f"{_TYPE}/id/{{resource_id}}"): resource_types.get_id,
    ("POST", f"{_TYPE}/id/{{resource_id}}"): resource_types.post_id,
    ("DELETE", f"{_TYPE}/id/{{resource_id}}"): resource_types.delete_id,
    ("GET", f"{_TYPE}/id/{{resource_id}}/members"): resource_types.get_members,
    ("PUT", f"{_TYPE}/id/{{resource_id}}/members"): resource_types.put_members,
}


def routes(deployment: Deployment) -> list[Route]:
    """Return the routes of the service for `deployment`.

    What is below a family of paths is found by `Directory` itself: in the path that a router sees, a slash within a
    name looks like one between two.
    """
    application = Directory(deployment)
    families = sorted({segments[1] for segments in description.operations()})
    below = [Route(f"/v1/{family}/{{rest:path}}", application) for family in families]
    return [
        Route("/swagger.json", Page(_swagger)),
        *(Route(f"/v1/{family}", application) for family in families),
        *below,
    ]


class Directory:
    """The ASGI application for all paths of the service; what goes wrong is told in its own way."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            response = await self._answer(scope, receive)
        except errors.FusilladeError as error:
            response = errors.response(error)
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        operation, path = _found(scope)
        headers, query = requests.headers(scope), requests.query(scope)
        user = _caller(self.deployment, headers)
        if not directory.is_known(self.deployment.records, user):
            await self.deployment.writer.run(lambda connection: directory.provision(connection, user))
        if not directory.is_enabled(self.deployment.records, user):
            raise errors.forbidden("User must be enabled to make authenticated requests.")
        # The order of the service: what is wrong with a request counts before who may not make it.
        values = checks.parameters(operation, path, requests.first_values(query))
        if "user_id" in values:
            values["user_id"] = names.canonical(values["user_id"])
        body = names.canonical_body(await checks.body(operation, headers, receive))
        permissions.require(self.deployment.records, user, operation.method, operation.path, values)
        host = requests.own_host(headers, scope["server"])
        url = f"http://{host}{scope['raw_path'].decode('latin-1')}"
        call = Call(self.deployment, user, url, tuple(query), values, body)
        return await HANDLERS[operation.method, operation.path](call)


def _found(scope: Scope) -> tuple[Operation, dict[str, str]]:
    """Return the operation that a request is for, and the parameters in its path. Raises FusilladeError (404, 405)."""
    given = [unquote(segment) for segment in scope["raw_path"].decode("latin-1").split("/")[1:]]
    if given[-1] == "":
        given.pop()
    for segments, by_method in description.operations().items():
        path = _parameters(segments, given)
        if path is not None:
            operation = by_method.get("GET" if scope["method"] == "HEAD" else scope["method"])
            if operation is not None:
                return operation, path
            allowed = ", ".join(sorted(by_method))
            detail = f"The methods here are {allowed}."
            raise errors.of_status(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": allowed})
    raise errors.not_found(f"There is nothing at {scope['path']}.")


def _parameters(segments: tuple[str, ...], given: list[str]) -> dict[str, str] | None:
    """Return the parameters of a path, None if `given` is not such a path."""
    if len(segments) != len(given):
        return None
    found = {}
    for segment, value in zip(segments, given, strict=True):
        if segment.startswith("{"):
            found[segment[1:-1]] = value
        elif segment != value:
            return None
    return found


def _caller(deployment: Deployment, headers: Mapping[str, str]) -> str:
    """Return the e-mail address of who sent a request. Raises FusilladeError (401, 403)."""
    try:
        return names.canonical(deployment.callers.check(headers).email)
    except TokenError as error:
        raise errors.of_status(HTTPStatus(error.auth_status), error.auth_detail) from error


def _swagger(request: Request) -> Response:
    """Return the API description with this server's address in it."""
    host = requests.own_host(request.headers, request.scope["server"])
    return publishing.response(description.published(host), request)
