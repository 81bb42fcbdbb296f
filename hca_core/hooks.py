"""Tells observers what happens: the hooks of plugins (entry points `hca.hooks`), typed, each called on its own.

An observer that fails is told once on stderr and left out from then on: it harms neither the command nor the others.
Without observers all this costs one look at names that are known already.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from hca_core import discover

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pluggy


# Tokens have a way of their own (`hca.credentials`), on which they stay with their host.
_LOGINS = frozenset({"authorization", "proxy-authorization", "cookie", "api-key"})
_telling = threading.local()  # `now` is set while an observer is told: its own requests are not told to anybody


class Observer:
    """One implementation of one hook."""

    def __init__(self, entry: discover.EntryPoint, implementation: pluggy.HookImpl) -> None:
        self._entry = entry
        self._implementation = implementation
        self._failed = False

    def tell(self, arguments: Mapping[str, Any]) -> None:
        """Call it, unless it has failed before."""
        from hca_core import plugins

        if self._failed or getattr(_telling, "now", False):
            return
        _telling.now = True
        try:
            plugins.answer(self._entry, self._implementation, arguments)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is somebody else's code, and only watches
            self._failed = True
            _warn(self._entry, f"{type(error).__name__}: {error}")
        finally:
            _telling.now = False


def observers(hook: str) -> list[Observer]:
    """Return who is to be told of `hook`, by the names of their entry points; nobody if none is installed."""
    if not discover.installed(discover.HOOKS):
        return []
    from hca_core import plugins

    return _loaded(plugins.manager()).get(hook, [])


@cache
def _loaded(manager: pluggy.PluginManager) -> dict[str, list[Observer]]:
    """Load all modules with hooks, once for each manager; one that can't be used is told and left out."""
    from hca_core import plugins
    from hca_core.errors import PluginError

    found: dict[str, list[Observer]] = {}
    for _, entry in sorted(discover.installed(discover.HOOKS).items()):
        try:
            implemented = plugins.implementations(plugins.loaded(entry))
        except PluginError as error:
            _warn(entry, error.message.rpartition(" be used: ")[2])
            continue
        for hook, implementation in implemented.items():
            found.setdefault(hook, []).append(Observer(entry, implementation))
    return found


def _warn(entry: discover.EntryPoint, why: str) -> None:
    from hca_core import log
    from hca_core.errors import one_line

    log.logger().warning(
        "the hooks of %r (%s %s) are left out: %s", entry.name, entry.distribution, entry.version, one_line(why)
    )


class Requests:
    """Tells of the requests of one session; false if nobody wants to know.

    Parameters: `service` is the plugin whose session it is, "" for requests to others (storage, identity providers).
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._before = observers("hca_request")
        self._after = observers("hca_response")

    def __bool__(self) -> bool:
        return bool(self._before or self._after)

    def headers(self, method: str, url: str, headers: Mapping[str, str]) -> dict[str, str]:
        """Return `headers` with what observers add for this try. They are not shown the login."""
        shown = {name: value for name, value in headers.items() if name.lower() not in _LOGINS}
        spelled = {name.lower(): name for name in headers}
        for observer in self._before:
            added = dict(shown)
            observer.tell({"service": self._service, "method": method, "url": url, "headers": added})
            for name, value in added.items():
                if _may_be_sent(name, value):
                    shown[spelled.setdefault(name.lower(), name)] = value
        return {**headers, **shown}

    def lines(self, method: str, url: str, lines: list[str]) -> list[str]:
        """Return the same as `headers` for headers that are lines."""
        pairs = (line.partition(":") for line in lines)
        headers = self.headers(method, url, {name: value.strip() for name, _, value in pairs})
        return [f"{name}: {value}" for name, value in headers.items()]

    def answered(self, method: str, url: str, status: int | None, seconds: float, error: str = "") -> None:
        """Tell how a try ended: with a `status`, or None and the `error` in words."""
        for observer in self._after:
            told = {"method": method, "url": url, "status": status, "seconds": seconds, "error": error}
            observer.tell({"service": self._service, **told})


def _may_be_sent(name: object, value: object) -> bool:
    """Tell whether an observer's header is one: no login, no line break, which would begin another (RFC 9110 §5.5)."""
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    is_name = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return is_name and name.lower() not in _LOGINS and value.isascii() and value.isprintable()


def transfer(event: Mapping[str, Any]) -> None:
    """Tell of an event of a download."""
    for observer in observers("hca_transfer"):
        observer.tell({"event": dict(event)})


def command_finished(command: str, exit_status: int, seconds: float) -> None:
    """Tell that a command has ended."""
    for observer in observers("hca_command_finished"):
        observer.tell({"command": command, "exit_status": exit_status, "seconds": seconds})
