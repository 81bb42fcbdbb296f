"""Every hook a plugin may implement: what it answers and when it is asked.

A plugin implements a hook by a function of the same name, marked with `hca_core.hookimpl`. It takes the arguments that
it needs; others may be left out, so that a hook may get more of them in a later version.

- The hooks that name the parts of a plugin belong in the module that its entry point in the group `hca.plugins` names.
  That module should import nothing but `hookimpl` and name its parts by import string (`"package.module:attribute"`),
  so that loading it costs nothing.
- The hooks that observe belong in the module that an entry point in the group `hca.hooks` names. Such modules are
  loaded when the first thing happens that somebody may observe. Observers may be called by several threads at once,
  must neither print nor wait, are not told of their own requests, and what they raise is told once on stderr and
  otherwise ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    from hca_core.config import HCAConfig
    from hca_core.doctor import Check

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


@hookspec
def hca_checks(config: HCAConfig, timeout: float | None) -> Iterable[Check]:  # type: ignore[empty-body]
    """Look whether what the plugin needs is there, and give a `hca_core.doctor.Check` for each thing looked at.

    Asked by `hca doctor`, in the groups `hca.plugins` and `hca.hooks`, in a thread of its own. `config` is the
    configuration, to be read only. `timeout` is how many seconds it may take, None if no request may be sent.
    `hca_core.doctor.reach` looks whether a URL answers.

        @hookimpl
        def hca_checks(config):
            from hca_core.doctor import Check

            if config.lookup("WeatherClient.city") is None:
                yield Check("city", "warning", "no city is chosen", hint="hca config set WeatherClient.city Lima")
    """


@hookspec
def hca_request(service: str, method: str, url: str, headers: MutableMapping[str, str]) -> None:
    """Observe a request before each try, and add headers to it.

    Called in the group `hca.hooks`, for every request of `hca` but those of boto3 to S3, redirects and downloads too.
    `service` is the plugin that asks, "" for storage and identity providers. `url` may have a signature in it.
    What is put into `headers` is sent with this try. The login is not among them, and can't be set here.

        @hookimpl
        def hca_request(service, headers):
            if service == "weather":
                headers["X-Laboratory"] = "B12"
    """


@hookspec
def hca_response(service: str, method: str, url: str, status: int | None, seconds: float, error: str) -> None:
    """Observe how a try of a request ended.

    Called in the group `hca.hooks`, after what `hca_request` was called before. `status` is the HTTP status, None if
    there is none; then `error` says why in words. `seconds` is how long it took until the headers of the answer, of a
    download until its end.

        @hookimpl
        def hca_response(service, method, url, status, seconds):
            LOG.info("%s %s %s %.3f", service, method, status, seconds)
    """


@hookspec
def hca_transfer(event: Mapping[str, object]) -> None:
    """Observe a download: that it starts, what became of each file, how far it is, that it has ended.

    Called in the group `hca.hooks`, with the documents that `--events` writes: `event["event"]` is "start", "file",
    "progress" (at most once a second) or "end".

        @hookimpl
        def hca_transfer(event):
            if event["event"] == "file" and event["status"] == "fetched":
                RECORDS.append(event["name"])
    """


@hookspec
def hca_command_finished(command: str, exit_status: int, seconds: float) -> None:
    """Observe the end of a command; the last thing before the process ends.

    Called in the group `hca.hooks`. `command` are its words without options and values, such as "hca weather today".

        @hookimpl
        def hca_command_finished(command, exit_status, seconds):
            with open("commands.log", "a") as stream:
                stream.write(f"{command} {exit_status} {seconds:.1f}\\n")
    """
