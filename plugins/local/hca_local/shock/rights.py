"""Who may do what with a node (contract §7, §8, §11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_local.shock import nodes
from hca_local.shock.calls import ShockError

if TYPE_CHECKING:
    from hca_local.shock.accounts import Caller
    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc

READ, WRITE, DELETE = "read", "write", "delete"
RIGHTS = (READ, WRITE, DELETE)
PUBLIC = "public"  # the owner of what nobody in particular has made

UNAUTHORIZED = "User Unauthorized"
NO_AUTHORIZATION = "No Authorization"
NOT_FOUND = "Node not found"


def may(doc: Doc, caller: Caller, right: str, *, public: bool = True) -> bool:
    """Tell whether `caller` has a right, one of RIGHTS, to a node.

    Parameters: `public` False leaves out what everybody may with somebody's node; the service forgets that in places
    for who is logged in.
    """
    access = doc["acl"]
    if caller.anonymous:
        return bool(access["public"][right])
    if caller.admin or caller.uuid == access["owner"] or caller.uuid in access[right]:
        return True
    return bool(access["public"][right]) if public else access["owner"] == PUBLIC


def is_owner(doc: Doc, caller: Caller) -> bool:
    """Tell whether `caller` may do what only the owner and administrators may."""
    return caller.admin or (not caller.anonymous and caller.uuid == doc["acl"]["owner"])


def require(doc: Doc, caller: Caller, right: str, *, public: bool = True) -> None:
    """Raise ShockError (401) unless `caller` has a right to a node; parameters as of `may`."""
    if not may(doc, caller, right, public=public):
        raise refused(caller)


def require_login(call: Call, right: str) -> None:
    """Raise ShockError (401) if nobody is logged in and this deployment gives strangers no such right."""
    if call.caller.anonymous and right not in call.shock.anonymous:
        raise ShockError(401, NO_AUTHORIZATION)


def require_admin(call: Call) -> None:
    """Raise ShockError (401) unless an administrator asks."""
    if not call.caller.admin:
        raise refused(call.caller)


def load(call: Call, right: str, *, public: bool = True) -> Doc:
    """Return the node that the path of a request names, if its caller has a right to it; parameters as of `may`.

    Raises ShockError (401, 404).
    """
    require_login(call, right)
    doc = found(call)
    require(doc, call.caller, right, public=public)
    return doc


def found(call: Call) -> Doc:
    """Return the node that the path of a request names, whoever asks. Raises ShockError (404)."""
    doc = nodes.get(call.shock.records, call.ids["id"])
    if doc is None:
        raise ShockError(404, NOT_FOUND)
    return doc


def refused(caller: Caller) -> ShockError:
    """Return the error of a request that its caller has no right to make."""
    return ShockError(401, NO_AUTHORIZATION if caller.anonymous else UNAUTHORIZED)
