"""Every hook a plugin may implement: what it answers and when it is asked.

A plugin implements a hook by a function of the same name, marked with `hca_core.hookimpl`, in the module that its
entry point in the group `hca.plugins` names. That module should import nothing but `hookimpl` and name its parts by
import string (`"package.module:attribute"`), so that loading it costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Mapping

PROJECT = "hca"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def hca_commands() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Name the top-level commands of the plugin: command -> import string of a click command or group.

    Asked when somebody types the command, completes below it, or runs `hca plugins --check`.

        @hookimpl
        def hca_commands():
            return {"weather": "hca_weather.cli:weather"}
    """


@hookspec
def hca_clients() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Name the SDK objects of the plugin: service -> import string of a class.

    Asked by `hca_core.client("weather")`. The class is called with the keyword arguments of that call. Its name is
    also the name of the service's section in the configuration.

        @hookimpl
        def hca_clients():
            return {"weather": "hca_weather.client:WeatherClient"}
    """


@hookspec
def hca_config_defaults() -> Mapping[str, Mapping[str, object]]:  # type: ignore[empty-body]
    """Give the packaged defaults of the plugin's configuration: section -> settings; the lowest layer of all.

    Asked when a setting of the plugin's section is read for the first time.

        @hookimpl
        def hca_config_defaults():
            return {"WeatherClient": {"url": "https://weather.example.org"}}
    """
