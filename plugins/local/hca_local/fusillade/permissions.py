"""What a caller must be allowed to do for each operation: an action on a resource (contract §11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.fusillade import defaults, directory, errors
from hca_local.policies.context import context_of
from hca_local.policies.evaluation import ALLOWED, Request, evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from sqlite3 import Connection
    from typing import Any

_USER, _GROUP, _ROLE = "/v1/user/{user_id}", "/v1/group/{group_id}", "/v1/role/{role_id}"
_TYPE = "/v1/resource/{resource_type_name}"

# (method, path): (action, resource behind the beginning that all have)
NEEDED: dict[tuple[str, str], tuple[str, str]] = {
    ("POST", "/v1/policies/evaluate"): ("Evaluate", "user"),
    ("GET", "/v1/users"): ("GetUser", "user"),
    ("POST", "/v1/user"): ("PostUser", "user"),
    ("GET", _USER): ("GetUser", "user/{user_id}/"),
    ("PUT", _USER): ("PutUser", "user/{user_id}/status"),
    ("GET", f"{_USER}/owns"): ("GetUser", "user/{user_id}/owns"),
    ("PUT", f"{_USER}/policy"): ("PutUser", "user/{user_id}/policy"),
    ("GET", f"{_USER}/groups"): ("GetGroup", "user/{user_id}/groups"),
    ("PUT", f"{_USER}/groups"): ("PutGroup", "user/{user_id}/groups"),
    ("GET", f"{_USER}/roles"): ("GetRole", "user/{user_id}/roles"),
    ("PUT", f"{_USER}/roles"): ("PutRole", "user/{user_id}/roles"),
    ("GET", "/v1/groups"): ("GetGroup", "group"),
    ("POST", "/v1/group"): ("PostGroup", "group"),
    ("GET", _GROUP): ("GetGroup", "group/{group_id}/"),
    ("DELETE", _GROUP): ("DeleteGroup", "group/{group_id}/"),
    ("PUT", f"{_GROUP}/policy"): ("PutGroup", "group/{group_id}/policy"),
    ("GET", f"{_GROUP}/users"): ("GetUser", "group/{group_id}/users"),
    ("PUT", f"{_GROUP}/users"): ("PutGroupUsers", "group/{group_id}/users"),
    ("GET", f"{_GROUP}/roles"): ("GetRole", "group/{group_id}/roles"),
    ("PUT", f"{_GROUP}/roles"): ("PutRole", "group/{group_id}/roles"),
    ("GET", "/v1/roles"): ("GetRole", "role"),
    ("POST", "/v1/role"): ("PostRole", "role"),
    ("GET", _ROLE): ("GetRole", "role/{role_id}/"),
    ("DELETE", _ROLE): ("DeleteRole", "role/{role_id}/"),
    ("PUT", f"{_ROLE}/policy"): ("PutRole", "role/{role_id}/"),
    ("GET", "/v1/resources"): ("GetResources", "resource/*"),
    **{
        (method, f"{_TYPE}{path}"): (f"{method.capitalize()}Resources", f"resource/{{resource_type_name}}{resource}")
        for path, resource, methods in (
            ("", "", ("GET", "POST", "DELETE")),
            ("/actions", "/action", ("GET", "PUT", "DELETE")),
            ("/policies", "/policy", ("GET",)),
            ("/policy/{policy_name}", "/policy/{policy_name}", ("GET", "POST", "PUT", "DELETE")),
            ("/ids", "/id", ("GET",)),
            ("/id/{resource_id}", "/{resource_id}", ("GET", "POST", "DELETE")),
            ("/id/{resource_id}/members", "/{resource_id}/members", ("GET", "PUT")),
        )
        for method in methods
    },
}


def require(connection: Connection, user: str, method: str, path: str, parameters: Mapping[str, Any]) -> None:
    """Raise FusilladeError (403) unless `user` may use an operation with `parameters`."""
    action, resource = NEEDED[method, path]
    groups = directory.groups_of(connection, user)
    context: dict[str, str | list[str]] = {"fus:user_email": user, "fus:groups": groups}
    context["fus:roles"] = directory.roles_of(connection, user)
    # A group that the caller is not in must not pass for his own in a policy about the own group.
    if parameters.get("group_id") in groups:
        context["fus:group_id"] = parameters["group_id"]
    request = Request(f"fus:{action}", f"{defaults.ARN}{resource.format_map(parameters)}", context_of(context))
    if evaluate(directory.effective(connection, user), request).outcome != ALLOWED:
        raise errors.forbidden()
