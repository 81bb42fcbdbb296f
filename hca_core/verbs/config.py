"""`hca config`: show and change the configuration; changes go to the user's own file only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import Verb, output_options
from hca_core.context import Hca

if TYPE_CHECKING:
    from hca_core.config import HCAConfig
    from hca_core.output import Show


@click.group()
def config() -> None:
    """Show and change the configuration.

    \b
    Layers, lowest first:
      packaged defaults
      /etc/hca/config.json
      ~/.config/hca/config.json (or below XDG_CONFIG_HOME): the only one that hca writes
      each file of HCA_CONFIG_FILE
      HCA_<NAME>_URL, the address of a service
      options of the command line
    """


@config.command("get", cls=Verb)
@click.argument("key")
@output_options()
def get(key: str, show: Show) -> None:
    """Show the value of KEY, such as http.tries."""
    from hca_core.config import redacted
    from hca_core.errors import NotFoundError

    settings = _settings()
    missing = object()
    value = settings.lookup(key, missing)
    if value is missing:
        raise NotFoundError(f"there is no setting {key!r}", hint="hca config list")
    value = redacted(value, key)
    if isinstance(value, str):
        show.text(value)
    else:
        show(value)


@config.command("set", cls=Verb)
@click.argument("key")
@click.argument("value")
def set_(key: str, value: str) -> None:
    """Set KEY to VALUE (JSON, or plain text) in your own file.

    \b
    hca config set http.read_timeout 120
    """
    import json

    _check_key(key)
    decoded: Any
    try:
        decoded = json.loads(value)
    except json.JSONDecodeError:
        decoded = value
    settings = _settings()
    settings.assign(key, decoded)
    settings.save()


@config.command("unset", cls=Verb)
@click.argument("key")
def unset(key: str) -> None:
    """Take KEY out of your own file; lower layers show through."""
    from hca_core import paths
    from hca_core.config import read_file
    from hca_core.errors import NotFoundError

    _check_key(key)
    node: Any = read_file(paths.config_file()) or {}
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            raise NotFoundError(f"{paths.config_file()} has no {key!r}", hint="hca config list --show-origin")
        node = node[part]
    settings = _settings()
    settings.remove(key)
    settings.save()


@config.command("list", cls=Verb)
@click.option("--show-origin", is_flag=True, help="Tell which layer each value comes from.")
@output_options(default="table")
def list_(show_origin: bool, show: Show) -> None:
    """List all settings that are in force."""
    settings = _settings()
    settings.include_plugins()
    rows = []
    for path, value in _flat(settings):
        row = {"key": ".".join(path), "value": value}
        rows.append({**row, "origin": settings.origin(path)} if show_origin else row)
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


def _flat(settings: HCAConfig) -> list[tuple[tuple[str, ...], Any]]:
    """Return all settings by the path to them; a part of it, such as a URL, may have dots in it."""
    from hca_core.config import plain, redacted

    flat: list[tuple[tuple[str, ...], Any]] = []

    def walk(path: tuple[str, ...], value: Any) -> None:
        if isinstance(value, dict) and value:
            for key in sorted(value):
                walk((*path, key), value[key])
        else:
            flat.append((path, redacted(value, ".".join(path))))

    walk((), plain(settings))
    return flat
