"""`hca config`: show and change the configuration; changes go to the user's own file only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import Verb, completed, output_options
from hca_core.context import Hca
from hca_core.lazy import PluginGroup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hca_core.config import HCAConfig
    from hca_core.errors import HCAError
    from hca_core.output import Show


def _keys() -> Iterable[str]:
    from hca_core import keys
    from hca_core.config import HCAConfig

    return keys.known(HCAConfig())


@click.group(cls=PluginGroup)
def config() -> None:
    """Show and change the configuration.

    \b
    Layers, lowest first:
      packaged defaults
      /etc/hca/config.json
      ~/.config/hca/config.json (or below XDG_CONFIG_HOME): the only one that hca writes
      each file of HCA_CONFIG_FILE
      the profile in force (--profile, HCA_PROFILE): its section of these files
      HCA_<NAME>_URL, the address of a service
      options of the command line
    """


@config.command("get", cls=Verb)
@click.argument("key", shell_complete=completed(_keys))
@output_options()
def get(key: str, show: Show) -> None:
    """Show the value of KEY, such as http.tries."""
    from hca_core.config import redacted

    settings = _settings()
    missing = object()
    value = settings.lookup(key, missing)
    if value is missing:
        raise _not_set(settings, key)
    value = redacted(value, key)
    if isinstance(value, str):
        show.text(value)
    else:
        show(value)


@config.command("set", cls=Verb, any_profile=True)
@click.argument("key", shell_complete=completed(_keys))
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Set KEY to VALUE (JSON, or plain text) in your own file.

    Where a profile is in force, it is set for that profile only.

    \b
    hca config set http.read_timeout 120
    hca --profile lab config set http.tries 3
    """
    import json

    _check_key(key)

    def refuse(word: str) -> None:
        raise ValueError(word)  # NaN and Infinity are JSON for Python only

    decoded: Any
    try:
        decoded = json.loads(value, parse_constant=refuse)
    except (ValueError, RecursionError):
        decoded = value
    settings = _settings()
    _warn_of_typing_errors(settings, key)
    settings.assign(key, decoded)
    settings.save()


@config.command("unset", cls=Verb)
@click.argument("key", shell_complete=completed(_keys))
def unset(key: str) -> None:
    """Take KEY out of your own file; lower layers show through."""
    from hca_core import paths, profiles
    from hca_core.config import read_file
    from hca_core.errors import NotFoundError

    _check_key(key)
    settings = _settings()
    name = profiles.name_of(settings)
    node: Any = read_file(paths.config_file()) or {}
    for part in profiles.place(tuple(key.split(".")), name):
        if not isinstance(node, dict) or part not in node:
            where = "" if name == profiles.DEFAULT else f" for the profile {name!r}"
            raise NotFoundError(f"{paths.config_file()} has no {key!r}{where}", hint="hca config list --show-origin")
        node = node[part]
    settings.remove(key)
    settings.save()


@config.command("list", cls=Verb)
@click.option("--show-origin", is_flag=True, help="Tell which layer each value comes from.")
@output_options(default="table")
def list_(show_origin: bool, show: Show) -> None:
    """List all settings that are in force."""
    from hca_core import keys
    from hca_core.config import redacted

    settings = _settings()
    settings.include_plugins()
    rows = []
    for path, value in keys.leaves(settings):
        row = {"key": ".".join(path), "value": redacted(value, ".".join(path))}
        rows.append({**row, "origin": settings.origin(path)} if show_origin else row)
    show(rows)


@config.command("profiles", cls=Verb, any_profile=True)
@output_options(default="table")
def profiles_(show: Show) -> None:
    """List the profiles: their settings, and hosts with a login."""
    from hca_core import keys, profiles

    settings = _settings()
    current, logins = profiles.name_of(settings), profiles.logins()
    sections = profiles.sections(settings)
    rows = []
    for name in profiles.names(settings):
        paths = [".".join(path) for path, _ in keys.leaves(sections.get(name, {}))]
        row = {"profile": name, "current": name == current, "settings": paths, "logins": logins.get(name, [])}
        rows.append(row)
    show(rows)


@config.command("path", cls=Verb)
@output_options()
def path(show: Show) -> None:
    """Show where your own configuration file is (or would be)."""
    from hca_core import paths

    show.text(paths.config_file())


def _settings() -> HCAConfig:
    return Hca.current().config


def _check_key(key: str) -> None:
    from hca_core.errors import UsageError

    if not all(key.split(".")):
        raise UsageError(f"{key!r} is not a key; keys look like http.tries")


def _not_set(settings: HCAConfig, key: str) -> HCAError:
    """Return the error for a `key` that has no value, with what was probably meant."""
    from hca_core import keys
    from hca_core.errors import NotFoundError

    if keys.is_known(settings, key):
        return NotFoundError(f"{key} is not set; the default of hca counts", hint=f"hca config set {key} VALUE")
    near = keys.near(settings, key)
    meant = f"; did you mean {near}?" if near else ""
    return NotFoundError(f"there is no setting {key!r}{meant}", hint="hca config list")


def _warn_of_typing_errors(settings: HCAConfig, key: str) -> None:
    """Warn of a `key` that nobody is known to read and that looks like another; it may be of somebody unknown."""
    from hca_core import keys, log

    near = None if keys.is_known(settings, key) else keys.near(settings, key)
    if near:
        log.logger().warning("%s is set, but hca knows no such key; did you mean %s?", key, near)
