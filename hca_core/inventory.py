"""What is installed for `hca`: every entry point of every distribution, its state, and why it is so."""

from __future__ import annotations

import difflib
import os
import time
from typing import TYPE_CHECKING, Any

from hca_core import discover, files, locking, paths
from hca_core.errors import HCAError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

_PATIENCE_SECONDS = 20.0  # for others who write the file; each takes milliseconds
KINDS = {
    discover.CREDENTIALS: "credentials",
    discover.FORMATS: "format",
    discover.HOOKS: "hooks",
    discover.LOCAL: "local service",
}


def rows(*, check: bool) -> list[dict[str, Any]]:
    """Return a row for each declared entry point; with `check` each usable one is loaded and timed (seconds)."""
    if check:
        import stevedore.driver  # noqa: F401 - so that its 40 ms are nobody's
    found = []
    for group in _groups():
        usable = discover.installed(group)
        for entry in discover.declared(group):
            row = _row(entry, state(entry, usable))
            found.append({**row, **_checked(entry, row["state"])} if check else row)
    return found


def _groups() -> list[str]:
    """Return all groups that are declared, that of the plugins first."""
    return sorted(discover.groups(), key=lambda group: (group != discover.PLUGINS, group))


def _row(entry: discover.EntryPoint, state: str) -> dict[str, Any]:
    from hca_core.plugins import location

    told = {"command": called(entry), "distribution": entry.distribution, "version": entry.version}
    return {**told, "state": state, "location": location(entry)}


def called(entry: discover.EntryPoint) -> str:
    """Return how people call what `entry` names: the words of a command, or what kind of thing it is."""
    if entry.group == discover.PLUGINS:
        return entry.name
    if entry.group.startswith(discover.COMMANDS):
        return f"{entry.group.removeprefix(discover.COMMANDS).replace('.', ' ')} {entry.name}"
    return f"({KINDS.get(entry.group, entry.group)}) {entry.name}"


def state(entry: discover.EntryPoint, usable: dict[str, discover.EntryPoint]) -> str:
    """Return the state of `entry` as its metadata tell it; `usable` are the entries of its group that are in force."""
    if entry.name not in usable:
        return "disabled"
    if entry.group.startswith(discover.COMMANDS):
        if entry.group.removeprefix(discover.COMMANDS).partition(".")[0] not in _groups_of_commands():
            return f"unused: there is no 'hca {entry.group.removeprefix(discover.COMMANDS)}'"
    elif entry.group not in (discover.PLUGINS, *KINDS):
        below = (f"{discover.COMMANDS}{name}" for name in sorted(_groups_of_commands()))
        near = difflib.get_close_matches(entry.group, (discover.PLUGINS, *KINDS, *below), n=1)
        return "unused: there is no such group of entry points" + (f" (did you mean {near[0]}?)" if near else "")
    if entry.name in _own_names(entry.group):
        return "shadowed by hca-core"
    winner = usable[entry.name]
    return "ok" if winner is entry else f"shadowed by {winner.distribution}"


def _groups_of_commands() -> set[str]:
    from hca_core.main import OWN_COMMANDS

    return {*discover.installed(discover.PLUGINS), *OWN_COMMANDS}


def _own_names(group: str) -> Iterable[str]:
    """Return the names that the core keeps for itself in a group."""
    if group == discover.PLUGINS:
        from hca_core.main import OWN_COMMANDS

        return OWN_COMMANDS
    if group == discover.FORMATS:
        from hca_core.commands import FORMATS

        return FORMATS
    return ()


def _checked(entry: discover.EntryPoint, state: str) -> dict[str, Any]:
    """Return what is known of an entry when it has been loaded."""
    if state != "ok":
        return {"state": state, "hooks": "", "seconds": None}
    hooks: list[str] = []
    began = time.perf_counter()
    try:
        hooks = _loaded(entry)
    except HCAError as error:
        state = f"broken: {error.message.rpartition(' be used: ')[2]}"
    return {"state": state, "hooks": " ".join(hooks), "seconds": round(time.perf_counter() - began, 3)}


def _loaded(entry: discover.EntryPoint) -> list[str]:
    """Load what `entry` names, and return the hooks that it implements. Raises PluginError."""
    from hca_core import plugins

    if entry.group in (discover.PLUGINS, discover.HOOKS):
        module: ModuleType = plugins.loaded(entry)
        found = sorted(plugins.implementations(module))
        if entry.group == discover.PLUGINS:
            plugins.command(entry.name)
        return found
    if entry.group.startswith(discover.COMMANDS):
        plugins.subcommand(entry)
    else:
        plugins.named(entry)
    return []


def explained(name: str) -> list[dict[str, Any]]:
    """Return a row for each thing that is called `name`: what it is, its state, why, and what changes that.

    Raises NotFoundError if nothing is.
    """
    found = []
    for group in _groups():
        usable = discover.installed(group)
        found += [_explained(entry, state(entry, usable)) for entry in discover.declared(group) if entry.name == name]
    if name in _own_names(discover.PLUGINS):
        own = {"command": name, "distribution": "hca-core", "version": "", "state": "ok", "location": ""}
        found.insert(0, {**own, "why": "it is a command of hca itself", "next": ""})
    if not found:
        raise NotFoundError(f"nothing installed is called {name!r}{_meant(name)}", hint="hca plugins")
    return found


def _explained(entry: discover.EntryPoint, state: str) -> dict[str, Any]:
    row = _row(entry, state)
    others = [one for one in discover.declared(entry.group) if one.name == entry.name and one is not entry]
    why, then = f"{entry.distribution} declares it in {entry.group}", ""
    if state == "disabled":
        from hca_core.plugins import enabling

        by_variable = entry.name in discover.disabled_by_variable()
        why = "HCA_PLUGINS_DISABLED names it" if by_variable else f"{paths.disabled_file()} names it"
        then = enabling(entry.name)
    elif state == "shadowed by hca-core":
        why, then = "names of hca itself win", f"{entry.distribution} must choose another name"
    elif state.startswith("shadowed"):
        why = "another distribution that has the name comes earlier on sys.path, or in the alphabet"
        then = f"pip uninstall {state.removeprefix('shadowed by ')}"
    elif state.startswith("unused"):
        why = f"{entry.distribution} declares it in {entry.group}, which nobody asks for here"
        then = discover.installing(entry.group.removeprefix(discover.COMMANDS)) or ""
    elif others:
        why += f"; it wins over {', '.join(one.distribution for one in others)}, as it comes first on sys.path"
    return {**row, "why": why, "next": then}


def disable(names: Iterable[str]) -> None:
    """Hide and block plugins from now on. Raises UsageError, with nothing changed, if nothing has one of the names."""
    wanted = frozenset(names)
    for name in sorted(wanted - known()):
        raise UsageError(f"no plugin is called {name!r}{_meant(name)}", hint="hca plugins")
    _keep(lambda kept: kept | wanted)


def enable(names: Iterable[str]) -> list[str]:
    """Bring plugins back; return those that HCA_PLUGINS_DISABLED hides all the same.

    Raises UsageError, with nothing changed, if one of them is not disabled.
    """
    wanted = frozenset(names)
    for name in sorted(wanted - discover.disabled()):
        near = difflib.get_close_matches(name, sorted(discover.disabled()), n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"{name!r} is not disabled{meant}", hint=f"hca plugins explain {name}")
    _keep(lambda kept: kept - wanted)
    return sorted(wanted & discover.disabled_by_variable())


def disabled_for_nothing() -> list[str]:
    """Return the disabled names that nothing installed has, as a mistyped one."""
    return sorted(discover.disabled() - known())


def known() -> set[str]:
    """Return the names of all entry points that are declared for `hca`."""
    return {entry.name for group in discover.groups() for entry in discover.declared(group)}


def _keep(change: Callable[[frozenset[str]], frozenset[str]]) -> None:
    """Let `change` work on the disabled names that are kept, while nobody else does."""
    path = paths.disabled_file()
    paths.make_private_dir(os.path.dirname(path))
    with locking.held(f"{path}.lock", _PATIENCE_SECONDS):
        names = change(discover.disabled_by_file())
        # A link (dotfiles kept elsewhere) stays one: what it points to is replaced.
        files.write_atomic(os.path.realpath(path), "".join(f"{name}\n" for name in sorted(names)).encode(), mode=0o600)


def _meant(name: str) -> str:
    near = difflib.get_close_matches(name, sorted(known()), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
