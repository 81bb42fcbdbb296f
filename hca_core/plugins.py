"""Loading plugins: one at a time, by name, so that a broken one harms nobody but who asked for it."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import nullcontext, redirect_stdout
from functools import cache
from typing import TYPE_CHECKING, Any

from hca_core import discover
from hca_core.errors import HCAError, PluginError, UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    import click
    import pluggy

TRACE = "HCA_TRACE_HOOKS"  # a variable: every call of a hook is told on stderr


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
        raise unusable(entry, f"it names no command {name!r}")
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
    return loaded(_entry(name))


def loaded(entry: discover.EntryPoint) -> Any:
    """Return the module that `entry`, a plugin or one with hooks only, names; registered. Raises PluginError."""
    return manager().get_plugin(_key(entry)) or _register(entry, lambda: _found(entry))


def implementations(plugin: Any) -> dict[str, pluggy.HookImpl]:
    """Return what the loaded `plugin` implements, by the name of the hook."""
    return {
        hook: implementation
        for hook, caller in vars(manager().hook).items()
        if not hook.startswith("_")
        for implementation in caller.get_hookimpls()
        if implementation.plugin is plugin
    }


def answer(entry: discover.EntryPoint, implementation: pluggy.HookImpl, arguments: Mapping[str, Any]) -> Any:
    """Return what an implementation of a hook answers: it gets those of `arguments` that it names.

    With the variable HCA_TRACE_HOOKS the call is told on stderr. Raises what the plugin raises.
    """
    function = implementation.function
    taken = {name: arguments[name] for name in implementation.argnames}
    return _traced(entry, function, taken) if os.environ.get(TRACE) else function(**taken)


def _traced(entry: discover.EntryPoint, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    import time

    from hca_core import log

    told = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    began = time.perf_counter()
    result: object = "no answer"
    try:
        result = function(**arguments)
        return result
    except BaseException as error:
        result = error
        raise
    finally:
        seconds = time.perf_counter() - began
        line = f"hook {function.__name__}({told}) of {entry.name} ({entry.distribution}) -> {result!r}"
        sys.stderr.write(log.redact(f"hca: {line[:2000]} in {seconds * 1000:.1f} ms\n"))


def named(entry: discover.EntryPoint) -> Callable[..., Any]:
    """Return the function that `entry`, one of a group that plugins are found in by name, names. Raises PluginError."""
    found = _guarded(entry, lambda: _found(entry))
    if not callable(found):
        raise unusable(entry, f"{entry.target} is not a function")
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
            manager().register(plugin, name=_key(entry))
            _refuse_unknown_hooks(entry, plugin)
        return plugin

    return _guarded(entry, registered)


def _refuse_unknown_hooks(entry: discover.EntryPoint, plugin: Any) -> None:
    """Take a plugin out again that has a function marked as a hook that there is not. Raises PluginError."""
    from hca_core import hookspecs

    unknown = [name for name in implementations(plugin) if not hasattr(hookspecs, name)]
    if unknown:
        import difflib

        manager().unregister(plugin)
        near = difflib.get_close_matches(unknown[0], [name for name in vars(hookspecs) if name[:4] == "hca_"], n=1)
        advice = f"; did you mean {near[0]}?" if near else ""
        raise unusable(entry, f"there is no hook {unknown[0]}{advice}")


def _ask(entry: discover.EntryPoint, plugin: Any, hook: str) -> Mapping[str, Any]:
    """Return what one plugin answers to `hook`, or an empty mapping if it does not implement it. Raises PluginError."""
    for implementation in getattr(manager().hook, hook).get_hookimpls():
        if implementation.plugin is plugin:
            found: Mapping[str, Any] = _guarded(entry, lambda: dict(answer(entry, implementation, {})))  # noqa: B023 - called at once
            return found
    return {}


def _key(entry: discover.EntryPoint) -> str:
    """Return the name of a plugin for the manager: a module with hooks only may be called like another's command."""
    return entry.name if entry.group == discover.PLUGINS else f"{entry.group}:{entry.name}"


def _entry(name: str) -> discover.EntryPoint:
    found = discover.installed(discover.PLUGINS).get(name)
    if found is not None:
        return found
    if name in discover.disabled():
        raise UsageError(f"plugin {name!r} is disabled", hint=enabling(name))
    known = ", ".join(sorted(discover.installed(discover.PLUGINS))) or "none"
    hint = discover.installing(name) or "hca plugins"
    raise UsageError(f"no plugin provides {name!r}; installed: {known}", hint=hint)


def enabling(name: str) -> str:
    """Return what brings the disabled plugin `name` back."""
    if name in discover.disabled_by_variable():
        return "take it out of HCA_PLUGINS_DISABLED"
    return f"hca plugins enable {name}"


def _command_of(entry: discover.EntryPoint, target: str) -> click.Command:
    import click

    found = _guarded(entry, lambda: _import(target))
    if not isinstance(found, click.Command):
        raise unusable(entry, f"{target} is not a click command")
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
        with _talk_aside():
            return action()
    except (KeyboardInterrupt, BrokenPipeError, PluginError):
        raise  # BrokenPipeError: who reads what a plugin writes has gone, which is no fault of the plugin's
    except BaseException as error:  # a plugin may even call sys.exit() at import
        cause = one_line(f"{type(error).__name__}: {error}").removesuffix(":")
        raise unusable(entry, cause) from error


def _talk_aside() -> AbstractContextManager[Any]:
    """Return what sends to stderr what is printed, in the main thread only.

    `sys.stdout` is that of all threads: were others to change it, results would go to stderr meanwhile, and for good
    where two of them don't put it back in order.
    """
    import threading

    return redirect_stdout(sys.stderr) if threading.current_thread() is threading.main_thread() else nullcontext()


def unusable(entry: discover.EntryPoint, why: str) -> PluginError:
    """Return the error that what `entry` names can't be used, because of `why`."""
    tree = location(entry)
    mend = f"mend it in {tree}" if tree.endswith(" (editable)") else f"pip install -U {entry.distribution}"
    return PluginError(
        f"plugin {entry.name!r} ({entry.distribution} {entry.version}) can't be used: {why}",
        hint=f"{mend}, or pip uninstall {entry.distribution}",
    )


def location(entry: discover.EntryPoint) -> str:
    """Return where the code of `entry` lies, without importing it: a folder, or an editable install's source tree."""
    import json
    from urllib.parse import unquote

    try:
        with open(os.path.join(entry.folder, "direct_url.json"), encoding="utf-8") as stream:
            origin = json.load(stream)
        if origin["dir_info"]["editable"]:  # PEP 610; files of other forms, and of installers of old, tell nothing
            return unquote(str(origin["url"]).removeprefix("file://")) + " (editable)"
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        pass
    return os.path.dirname(entry.folder)
