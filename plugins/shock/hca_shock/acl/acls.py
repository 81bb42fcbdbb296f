"""Access lists of nodes, shown with names and changed in a way that survives the server.

The server reads a node before it locks it, so that of two changes at the same time one is lost, with status 200 for
both (service contract §0.6). So each change is followed by a look at the list, and made again if it is not in it.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hca_core import log
from hca_core.errors import NetworkError, UsageError
from hca_shock.acl.documents import ALL, PUBLIC, RIGHTS, Acl, rights_of, users_of
from hca_shock.dialect import only_shock
from hca_shock.errors import ShockApiError, ShockNotFoundError, ShockRefusedError, ShockUnavailableError
from hca_shock.metadata.errors import LostChangeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hca_shock.server import Server

_TRIES = 3
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FULL: tuple[str, str | None] = ("verbosity", "full")
_ADVICE = (
    "only the owner of a node and administrators may change who may do what with it; you may take away your own rights"
)


class Acls:
    """The access lists of the nodes of a server.

        shock.acl.grant(id, "read", ["ann", "bob"])
        shock.acl.public(id, "read")

    Users are names or ids of accounts; several rights or users may stand in one text with commas between them. "all"
    means read, write and delete. The changes return the list as it is then, and raise ShockRefusedError for who may not
    make them, LostChangeError (an IntegrityError) if the list does not have the change after three tries, UsageError.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def show(self, id: str) -> Acl:
        """Return who may do what with a node, with the names of users where the server tells them."""
        plain = Acl.parse(self._server.call("GET", "node", id, "acl"))
        try:
            full = Acl.parse(self._server.call("GET", "node", id, "acl", params=[_FULL]))
        except ShockApiError as error:
            log.logger().debug("node %s: the server tells no names: %s", id, error)
            return plain
        return plain.with_names(full)

    def grant(self, id: str, rights: str | Sequence[str], users: str | Sequence[str]) -> Acl:
        """Give users rights at a node.

        The server makes an account for a name that it does not know, so a typing error goes unnoticed: a warning tells
        of accounts of which it knows nothing but the name.
        """
        wanted, names = rights_of(rights), users_of(users)

        def has_all(acl: Acl) -> bool:
            return all(acl.has(right, name) for right in wanted for name in names)

        acl = self._changed(id, "PUT", _kinds(wanted), names, has_all, f"granted {_told(wanted)} to {', '.join(names)}")
        _warn_of_unknown(acl, names)
        return acl

    def revoke(self, id: str, rights: str | Sequence[str], users: str | Sequence[str]) -> Acl:
        """Take rights at a node from users; the owner keeps all rights whatever the lists say.

        A user who has none of them is told of in a warning. Others than the owner can only name themselves.
        """
        wanted, names = rights_of(rights), users_of(users)
        before = self._known(id)
        listed = [name for name in names if before is None or any(before.has(right, name) for right in wanted)]
        for name in names:
            if name not in listed:
                log.logger().warning("%s had no right to %s in the list of node %s", name, _told(wanted, "or"), id)
        if before is not None and not listed:
            return before

        def has_none(acl: Acl) -> bool:
            return not any(acl.has(right, name) for right in wanted for name in listed)

        said = f"taken {_told(wanted)} from {', '.join(listed)}"
        return self._changed(id, "DELETE", _kinds(wanted), listed, has_none, said)

    def public(self, id: str, rights: str | Sequence[str], *, on: bool = True) -> Acl:
        """Give everybody rights at a node, or (`on` false) take them away."""
        wanted = rights_of(rights)
        kinds = [f"{PUBLIC}_{kind}" for kind in _kinds(wanted)]

        def is_so(acl: Acl) -> bool:
            return all((right in acl.public) is on for right in wanted)

        said = f"{'granted' if on else 'taken'} {_told(wanted)} {'to' if on else 'from'} everybody"
        return self._changed(id, "PUT" if on else "DELETE", kinds, [], is_so, said)

    def chown(self, id: str, user: str) -> Acl:
        """Give a node to another owner. The rights in its lists stay: take your own away if you are to have none.

        Only an administrator can take it back, and an unknown name becomes an account of nobody: mind the spelling.
        """
        names = users_of(user)
        if len(names) > 1:
            raise UsageError("a node has one owner")
        acl = self._changed(
            id, "PUT", ["owner"], names, lambda acl: acl.owner.is_called(names[0]), f"given to {names[0]}"
        )
        _warn_of_unknown(acl, names)
        return acl

    def _known(self, id: str) -> Acl | None:
        """Return the list of a node; None where it has no names, or the user may not read it."""
        try:
            acl = self.show(id)
        except ShockRefusedError:
            return None
        return acl if acl.tells_names else None

    def _changed(
        self,
        id: str,
        method: str,
        kinds: Sequence[str],
        names: Sequence[str],
        is_done: Callable[[Acl], bool],
        said: str,
    ) -> Acl:
        """Change lists of a node until the server tells a list that has the change."""
        params: list[tuple[str, str | None]] = [*([("users", ",".join(names))] if names else []), _FULL]
        with self._server.changing(id), _explained(), only_shock(self._server, "such access rights"):
            for attempt in range(_TRIES):
                acl = self._sent(id, method, kinds, params)
                if is_done(acl):
                    return acl
                if not acl.tells_names and not all(_ID.fullmatch(name) for name in names):
                    log.logger().warning("the server tells no names of users: look whether node %s is %s", id, said)
                    return acl
                log.logger().debug("node %s: the change of its access list was lost (%d)", id, attempt + 1)
        raise LostChangeError(
            f"node {id} should be {said}: the server says so, but its list does not have it after {_TRIES} tries",
            "somebody else changes it at the same time, or the server calls the user otherwise: hca shock acl show ID",
        )

    def _sent(self, id: str, method: str, kinds: Sequence[str], params: list[tuple[str, str | None]]) -> Acl:
        """Send a change, and return the list as it is read then."""
        answer = None
        for kind in kinds:
            try:
                answer = self._server.call(method, "node", id, "acl", kind, params=params)
            except ShockUnavailableError:
                raise
            except NetworkError as error:
                log.logger().debug(
                    "node %s: the answer was lost: %s", id, error
                )  # the list tells what has become of it
        try:
            return self.show(id)
        except (ShockRefusedError, ShockNotFoundError):
            if answer is None:
                raise
            return Acl.parse(answer)  # whoever gives a node away may not read its list any more


@contextmanager
def _explained() -> Iterator[None]:
    """Tell who may change an access list, where the server refuses it."""
    try:
        yield
    except ShockApiError as error:
        if "not node owners" in error.reason.lower():
            raise ShockRefusedError(error.message, error.status, error.reason, _ADVICE) from error
        if isinstance(error, ShockRefusedError) and error.status == 401:
            error.hint = _ADVICE
        raise


def _kinds(rights: Sequence[str]) -> list[str]:
    """Return the lists to name in requests: one for all rights, so that it is one change."""
    return [ALL] if tuple(rights) == RIGHTS else list(rights)


def _told(rights: Sequence[str], last: str = "and") -> str:
    return rights[0] if len(rights) == 1 else f"{', '.join(rights[:-1])} {last} {rights[-1]}"


def _warn_of_unknown(acl: Acl, names: Sequence[str]) -> None:
    for name in names:
        user = acl.user(name)
        if user is not None and acl.tells_names and not user.is_described:
            log.logger().warning(
                "the server knows of %s nothing but the name: if it is mistyped, the right belongs to nobody", name
            )
