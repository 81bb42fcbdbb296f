"""Who may do what with a node: shown, and changed (contract §8)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hca_local.shock import accounts, nodes, rights
from hca_local.shock.calls import Route, ShockError, answer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Connection

    from starlette.responses import Response

    from hca_local.shock.calls import Call
    from hca_local.shock.nodes import Doc

_OWNER = "owner"
_RIGHTS_OF = {"all": rights.RIGHTS, **{right: (right,) for right in rights.RIGHTS}}
_PUBLIC_RIGHTS_OF = {f"public_{name}": several for name, several in _RIGHTS_OF.items()}
_ONLY_THEMSELVES = "Users that are not node owners can only delete themselves from ACLs."
_NO_USERS = "Action requires list of comma separated usernames in 'users' parameter"
_LONGEST_NAME = 128
# How long a request with quirks thinks before it saves the node that it has read at its beginning.
_WINDOW = 0.05


async def get(call: Call) -> Response:
    """Show all lists of a node. Raises ShockError (401, 404)."""
    return answer(_shown(call, _readable(call)))


async def get_one(call: Call) -> Response:
    """Show the lists of a node, all of them whichever is asked for, as the service does.

    Raises ShockError (400, 401, 404).
    """
    _require_kind(call)
    doc = _readable(call)
    if call.shock.quirks and not call.caller.anonymous and not rights.is_owner(doc, call.caller):
        raise ShockError(400, _NO_USERS)
    return answer(_shown(call, doc))


async def put(call: Call) -> Response:
    """Give users a right, everybody one, or the node to another owner. Raises ShockError (400, 401, 404)."""
    return await _change(call, grants=True)


async def delete(call: Call) -> Response:
    """Take a right from users or from everybody. Raises ShockError (400, 401, 404)."""
    return await _change(call, grants=False)


def _readable(call: Call) -> Doc:
    """Return the node if the caller may know who may do what with it. Raises ShockError (401, 404).

    The service forgets that a node may be public when somebody who is logged in asks for that.
    """
    if not call.shock.quirks:
        return rights.load(call, rights.READ)
    rights.require_login(call, rights.READ)
    doc = rights.found(call)
    if doc["acl"]["owner"] != rights.PUBLIC:
        rights.require(doc, call.caller, rights.READ, public=False)
    return doc


async def _change(call: Call, *, grants: bool) -> Response:
    kind = _require_kind(call)
    stale = rights.found(call)
    if call.caller.anonymous:
        raise rights.refused(call.caller)
    if kind == _OWNER and not grants:
        raise ShockError(400, "Deleting ownership is not a supported request type.")
    names = [] if kind in _PUBLIC_RIGHTS_OF and rights.is_owner(stale, call.caller) else await _names(call)
    if kind == _OWNER and len(names) > 1:
        raise ShockError(400, "Too many users. Nodes may have only one owner.")

    def edit(doc: Doc, users: Sequence[str]) -> None:
        _require_allowed(call, doc, kind, users, grants=grants)
        _edit(doc["acl"], kind, users, grants=grants)

    if call.shock.quirks:
        return answer(_shown(call, await _change_late(call, stale, names, edit)))

    def work(connection: Connection) -> Doc:
        users = [accounts.uuid_of(connection, name) for name in names]
        return nodes.change(connection, stale["id"], lambda doc: edit(doc, users), "acl")

    return answer(_shown(call, await call.shock.writer.run(work)))


async def _change_late(call: Call, stale: Doc, names: Sequence[str], edit: Any) -> Doc:
    """Change the lists as the service does: what others have changed in the node meanwhile is lost."""
    users = await call.shock.writer.run(lambda it: [accounts.uuid_of(it, name) for name in names])
    edit(stale, users)

    def save(doc: Doc) -> None:
        doc.clear()
        doc.update(stale)

    async with call.shock.held(stale["id"]):
        await asyncio.sleep(_WINDOW)
        return await call.shock.writer.run(lambda it: nodes.change(it, stale["id"], save, "acl"))


def _edit(access: dict[str, Any], kind: str, users: Sequence[str], *, grants: bool) -> None:
    """Change the lists of a node in place."""
    if kind == _OWNER:
        access[_OWNER] = users[0]
    for right in _PUBLIC_RIGHTS_OF.get(kind, ()):
        access["public"][right] = grants
    for right in _RIGHTS_OF.get(kind, ()):
        others = [user for user in access[right] if user not in users]
        # Who has the right already keeps his place.
        access[right] = list(dict.fromkeys([*access[right], *users])) if grants else others


def _require_kind(call: Call) -> str:
    """Return which list a request is about. Raises ShockError (400)."""
    kind = call.ids["type"]
    if kind != _OWNER and kind not in _RIGHTS_OF and kind not in _PUBLIC_RIGHTS_OF:
        raise ShockError(400, "Invalid acl type")
    return kind


def _require_allowed(call: Call, doc: Doc, kind: str, users: Sequence[str], *, grants: bool) -> None:
    """Raise ShockError (400) unless the caller may change a list: his own node's, or he takes himself off it."""
    if rights.is_owner(doc, call.caller):
        return
    if grants or kind not in _RIGHTS_OF or list(users) != [call.caller.uuid]:
        raise ShockError(400, _ONLY_THEMSELVES)


async def _names(call: Call) -> list[str]:
    """Return the users that a request names, in its query or in a form. Raises ShockError (400)."""
    text = call.first("users")
    if call.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        form = await call.form()
        text = form.get("users") or (None if call.shock.quirks else text)
    names = (text or "").split(",")
    if not call.shock.quirks:
        names = [name.strip() for name in names if name.strip()]
        for name in names:
            _require_name(name)
    if not names or names == [""]:
        raise ShockError(400, _NO_USERS)
    return names


def _require_name(name: str) -> None:
    """Raise ShockError (400) if nobody can be called so."""
    if name == rights.PUBLIC:
        raise ShockError(400, "Everybody is no user: use the lists public_read, public_write and public_delete.")
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise ShockError(400, f"A username has at most {_LONGEST_NAME} characters, and none that can't be seen.")


def _shown(call: Call, doc: Doc) -> dict[str, Any]:
    """Return the lists as they are shown: uuids, or with verbosity=full what is known of the users."""
    access = doc["acl"]
    if call.first("verbosity") != "full":
        return {_OWNER: access[_OWNER], **{right: access[right] for right in rights.RIGHTS}, "public": access["public"]}
    records = call.shock.records
    # An empty list is null in this form.
    described = {right: [accounts.describe(records, one) for one in access[right]] or None for right in rights.RIGHTS}
    return {_OWNER: accounts.describe(records, access[_OWNER]), **described, "public": access["public"]}


ROUTES = (
    Route("GET", "/node/{id}/acl", get),
    Route("GET", "/node/{id}/acl/{type}", get_one),
    Route("PUT", "/node/{id}/acl/{type}", put),
    Route("POST", "/node/{id}/acl/{type}", put),
    Route("DELETE", "/node/{id}/acl/{type}", delete),
)
