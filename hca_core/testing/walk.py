"""Walks through all commands of one plugin in a process of its own, and tells as JSON what it has seen.

Run as a file (`python -P walk.py NAME`), not as a module: the package it lies in brings pytest, and this process must
load nothing that the plugin does not.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_NO_OPTION = "--no-option-is-called-so"
_LEAVING = ("socket.connect", "socket.getaddrinfo", "socket.sendto")  # audit events of who goes to a network


def walked(name: str) -> dict[str, Any]:
    """Return what is seen of the plugin `name`, as plain values."""
    asked = _watch_the_network()
    known = set(sys.modules)
    group_help = _run(name, "--help")
    modules = sorted(set(sys.modules) - known)
    commands = [_seen(*found) for found in _commands(name)]
    return {
        "help": group_help,
        "modules": modules,  # what this help page has loaded
        "commands": commands,
        "client": _client_problem(name),
        "asked": asked,  # of the network
    }


def _watch_the_network() -> list[str]:
    asked: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _LEAVING:
            asked.append(f"{event} {arguments[-1] if event != 'socket.getaddrinfo' else arguments[0]}")
            raise OSError(f"no network here: {event}")

    sys.addaudithook(watch)
    return asked


def _commands(name: str) -> Iterator[tuple[list[str], Any, str]]:
    """Yield every command of the plugin with its path and its line in a list, groups before what is in them."""
    import click

    from hca_core import plugins

    command = plugins.command(name)
    waiting: list[tuple[list[str], Any, str]] = [([name], command, "")]
    while waiting:
        path, command, summary = waiting.pop(0)
        yield path, command, summary
        if isinstance(command, click.Group):
            waiting += _below(path, command)


def _below(path: list[str], group: Any) -> Iterator[tuple[list[str], Any, str]]:
    """Yield the commands of a group that are its own: not those of other plugins, nor those that the core adds."""
    import click

    from hca_core import discover
    from hca_core.lazy import LazyCommand

    context = click.Context(group, info_name=path[-1])
    others = discover.installed(getattr(group, "entry_points", ""))
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or (name in others and name not in group.commands):
            continue
        loaded = command.loaded() if isinstance(command, LazyCommand) else command
        if not str(getattr(loaded.callback, "__module__", "")).startswith("hca_core.verbs."):
            yield [*path, name], loaded, command.get_short_help_str(limit=1000)


def _seen(path: list[str], command: Any, summary: str) -> dict[str, Any]:
    import click

    context = click.Context(command, info_name=path[-1])
    parameters = command.get_params(context)
    takes_all = bool(command.context_settings.get("ignore_unknown_options"))
    needs = any(one.required for one in parameters)
    is_group = isinstance(command, click.Group)
    return {
        "path": path,
        "group": is_group,
        "hidden": command.hidden,
        "summary": summary,
        "options": [name for one in parameters for name in one.opts],
        "help": _run(*path, "--help"),
        "unknown": None if takes_all else _run(*path, _NO_OPTION),
        "missing": _run(*path) if needs and not is_group and not takes_all else None,
    }


def _client_problem(name: str) -> str:
    """Make the client of the plugin and return what went wrong, or an empty text."""
    from hca_core import plugins
    from hca_core.errors import ConfigError

    try:
        if plugins.has_client(name):
            plugins.client(name)
    except ConfigError:
        return ""  # which server it is has to be said first: a sentence tells so
    except Exception as error:  # noqa: BLE001 - it is told
        return f"{type(error).__name__}: {error}"
    return ""


def _run(*words: str) -> dict[str, Any]:
    """Run `hca` + `words` in this process and return how it ended and what it wrote."""
    from hca_core.main import run

    saved = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(3))
    sys.stdout, sys.stderr = out, err
    try:
        status = run(words)
    finally:
        sys.stdin, sys.stdout, sys.stderr = saved
    written = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return {"status": int(status), "stdout": written[0], "stderr": written[1]}


if __name__ == "__main__":
    seen = walked(sys.argv[1])
    import json

    json.dump(seen, sys.stdout)
