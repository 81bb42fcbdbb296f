"""Loading plugins: one at a time, by name, so that a broken one harms nobody but who asked for it."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import redirect_stdout
from functools import cache
from typing import TYPE_CHECKING, Any

from hca_core import discover
from hca_core.errors import HCAError, PluginError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import click
    import pluggy


@cache
def manager() -> pluggy.PluginManager:
    """Return the one pluggy manager; it holds the plugins that were asked for so far, and no others."""
    import pluggy

    from hca_core import hookspecs

    made = pluggy.PluginManager(hookspecs.PROJECT)
    made.add_hookspecs(hookspecs)
    for name in discover.disabled():
        made.set_blocked(name)
    return made


def command(name: str) -> click.Command:
    """Return the click command that plugin `name` provides under that name.

    Imports the entry point's target directly: stevedore would add 40 ms to every command. Raises PluginError.
    """
    entry = _entry(name)
    module = manager().get_plugin(name) or _register(entry, lambda: _import(entry.target))
    target = _ask(entry, module, "hca_commands").get(name)
    if target is None:
        raise _unusable(entry, f"it names no command {name!r}")
    return _command_of(entry, target)


def subcommand(entry: discover.EntryPoint) -> click.Command:
    """Return the click command that `entry` (of a group `hca.commands.<group>`) names. Raises PluginError."""
    return _command_of(entry, entry.target)


def client(service: str, **arguments: Any) -> Any:
    """Return a new SDK object for `service`, made with `arguments`.

        hca_core.client("weather").today(city="Lima")

    Raises UsageError if no installed plugin provides it, PluginError if the one that does can't be used.
    """
    return client_class(service)(**arguments)


def client_class(service: str) -> Any:
    """Return the SDK class of `service`. Raises UsageError or PluginError."""
    entry = _entry(service)
    target = _ask(entry, load(service), "hca_clients").get(service)
    if target is None:
        raise UsageError(f"plugin {service!r} has no SDK client")
    return _guarded(entry, lambda: _import(target))


def has_client(service: str) -> bool:
    """Tell whether the plugin of `service` names an SDK class. Raises UsageError or PluginError."""
    return service in _ask(_entry(service), load(service), "hca_clients")


def config_defaults(service: str) -> Mapping[str, Mapping[str, object]]:
    """Return the packaged configuration of `service`: section -> settings; empty if no such plugin is installed."""
    entry = discover.installed(discover.PLUGINS).get(service)
    return _ask(entry, load(service), "hca_config_defaults") if entry else {}


def load(name: str) -> Any:
    """Return plugin `name` (its module), loaded by stevedore and registered with the manager.

    Raises UsageError if it is not installed, PluginError if it can't be loaded.
    """
    known = manager().get_plugin(name)
    if known is not None:
        return known
    entry = _entry(name)
    return _register(entry, lambda: _found(entry))


def named(entry: discover.EntryPoint) -> Callable[..., Any]:
    """Return the function that `entry`, one of a group that plugins are found in by name, names. Raises PluginError."""
    found = _guarded(entry, lambda: _found(entry))
    if not callable(found):
        raise _unusable(entry, f"{entry.target} is not a function")
    return found  # type: ignore[no-any-return]


def call(group: str, name: str, *arguments: Any) -> Any:
    """Call what the entry point `name` of `group` names and return its answer.

    Raises the HCAErrors that it raises, PluginError for anything else that goes wrong in it.
    """
    entry = discover.installed(group)[name]
    function = named(entry)

    def answered() -> tuple[Any, HCAError | None]:
        try:
            return function(*arguments), None
        except HCAError as error:
            return None, error

    answer, failure = _guarded(entry, answered)
    if failure is not None:
        raise failure
    return answer


def _found(entry: discover.EntryPoint) -> Any:
    """Return what `entry` names, loaded by stevedore."""
    if sum(one.name == entry.name for one in discover.declared(entry.group)) > 1:
        # stevedore would import them all and then refuse the name; here the first on the path wins, as for commands.
        return _import(entry.target)
    from stevedore.driver import DriverManager

    return DriverManager(entry.group, entry.name).driver


def _register(entry: discover.EntryPoint, find: Callable[[], Any]) -> Any:
    """Return the plugin that `find` gives, registered with the manager. Raises PluginError."""

    def registered() -> Any:
        plugin = find()
        # One module may stand behind several names; pluggy takes it once.
        if manager().get_name(plugin) is None:
            manager().register(plugin, name=entry.name)
        return plugin

    return _guarded(entry, registered)


def _ask(entry: discover.EntryPoint, plugin: Any, hook: str) -> Mapping[str, Any]:
    """Return what one plugin answers to `hook`, or an empty mapping if it does not implement it. Raises PluginError."""
    for implementation in getattr(manager().hook, hook).get_hookimpls():
        if implementation.plugin is plugin:
            answer: Mapping[str, Any] = _guarded(entry, lambda: dict(implementation.function()))  # noqa: B023 - called at once
            return answer
    return {}


def _entry(name: str) -> discover.EntryPoint:
    found = discover.installed(discover.PLUGINS).get(name)
    if found is not None:
        return found
    if name in discover.disabled():
        raise UsageError(f"plugin {name!r} is disabled", hint="take it out of HCA_PLUGINS_DISABLED")
    known = ", ".join(sorted(discover.installed(discover.PLUGINS))) or "none"
    raise UsageError(f"no plugin provides {name!r}; installed: {known}", hint=f"pip install hca-plugin-{name}")


def _command_of(entry: discover.EntryPoint, target: str) -> click.Command:
    import click

    found = _guarded(entry, lambda: _import(target))
    if not isinstance(found, click.Command):
        raise _unusable(entry, f"{target} is not a click command")
    return found


def _import(target: str) -> Any:
    module_name, _, attribute = target.partition(":")
    found: Any = importlib.import_module(module_name)
    for part in attribute.split(".") if attribute else ():
        found = getattr(found, part)
    return found


def _guarded(entry: discover.EntryPoint, action: Callable[[], Any]) -> Any:
    """Run `action`, which runs code of a plugin; whatever it raises becomes a PluginError that names the culprit.

    What the plugin prints meanwhile goes to stderr: stdout is for results.
    """
    try:
        with redirect_stdout(sys.stderr):
            return action()
    except (KeyboardInterrupt, PluginError):
        raise
    except BaseException as error:  # a plugin may even call sys.exit() at import
        cause = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
        raise _unusable(entry, cause) from error


def _unusable(entry: discover.EntryPoint, why: str) -> PluginError:
    return PluginError(
        f"plugin {entry.name!r} ({entry.distribution} {entry.version}) can't be used: {why}",
        hint=f"pip install -U {entry.distribution}, or pip uninstall {entry.distribution}",
    )


def location(entry: discover.EntryPoint) -> str:
    """Return where the code of `entry` lies, without importing it: a folder, or an editable install's source tree."""
    import json

    try:
        with open(os.path.join(entry.folder, "direct_url.json"), encoding="utf-8") as stream:
            origin = json.load(stream)
        if origin.get("dir_info", {}).get("editable"):
            return str(origin["url"]).removeprefix("file://") + " (editable)"
    except (OSError, ValueError):
        pass
    return os.path.dirname(entry.folder)
