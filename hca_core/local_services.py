"""Services of plugins that run on this machine: what such a service gets, what it gives, and how it is found.

A plugin names a function under the entry point `hca.local`. It is called with a `LocalService` and returns the web
application that answers, of ASGI or WSGI.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_core import discover
from hca_core.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# An application of ASGI 3 (https://asgi.readthedocs.io) or of WSGI (PEP 3333), made with any framework.
Application = Callable[..., Any]


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request with a valid token of the deployment.

    `email` is in lower case, `is_administrator` tells who may do everything, `claims` is what the token says.
    """

    email: str
    is_administrator: bool
    claims: Mapping[str, Any]


@dataclass(frozen=True)
class LocalService:
    """What a deployment gives to a service of a plugin that it runs. Later releases may add attributes.

    `name` is that of the entry point, `url` (`http://127.0.0.1:PORT`) where the application will answer, `directory`
    one of its own, which is there and lasts as long as the deployment's data; `temporary` tells that these are thrown
    away in the end. `caller` takes the value of a request's header Authorization and returns who sent it, None if it
    is missing or not valid, or the user is disabled; any thread may call it. `log` writes a line to the log of the
    deployment.
    """

    name: str
    url: str
    directory: Path
    temporary: bool
    caller: Callable[[str | None], Caller | None]
    log: Callable[[str], None]


def names() -> list[str]:
    """Return the names of the services that installed plugins bring, sorted; nothing is imported."""
    return sorted(discover.installed(discover.LOCAL))


def application(service: LocalService) -> Application:
    """Return the application that the plugin with `service.name` makes.

    Raises PluginError if it can't be loaded, fails, or makes something else; the HCAErrors that it raises.
    """
    from hca_core import plugins

    made = plugins.call(discover.LOCAL, service.name, service)
    if not callable(made):
        raise unusable(service.name, f"it returned {type(made).__name__}, not an application")
    return made  # type: ignore[no-any-return]


def unusable(name: str, why: str) -> PluginError:
    """Return the error that the service `name` of an installed plugin can't be run, because of `why`."""
    from hca_core import plugins

    return plugins.unusable(discover.installed(discover.LOCAL)[name], why)
