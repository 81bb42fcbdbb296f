"""What login and whoami ask of a server: whether it takes a token."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from hca_core.credentials import entries
from hca_core.errors import LoginError
from hca_shock import config
from hca_shock.errors import ShockNotFoundError, ShockRefusedError
from hca_shock.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.config import HCAConfig
    from hca_shock.config import Profile


_NOBODYS_NODE = "00000000-0000-0000-0000-000000000000"


@contextmanager
def checked(profile: Profile, settings: HCAConfig, token: str) -> Iterator[Server]:
    """Give a server that takes `token`. Raises ShockRefusedError if it does not take it."""
    server = Server(profile, settings, token=token)
    try:
        ask(server)
        yield server
    finally:
        server.close()


def ask(server: Server) -> None:
    """Ask for something that checks the login: the description of the server does not (service contract §0.12).

    It is a node that there is not, as lists are not had everywhere. Raises ShockRefusedError.
    """
    with suppress(ShockNotFoundError):
        server.node(_NOBODYS_NODE)


def identity(server: Server) -> dict[str, Any]:
    """Return who the user is to a server. Raises LoginError if nobody is logged in there."""
    found = server.credential
    if found is None:
        raise LoginError(f"nobody is logged in at {server.url}", hint="hca shock login, or set HCA_SHOCK_TOKEN")
    accepted = True
    try:
        ask(server)
    except ShockRefusedError:
        accepted = False
    scheme = "basic" if config.is_basic(found.token) else server.profile.scheme
    return {
        "server": server.url,
        "host": entries.host_of(server.url),
        "account": found.account or config.user_of(found.token),
        "scheme": scheme,
        "source": found.source,
        "profile": server.need.profile,
        "accepted": accepted,
    }
