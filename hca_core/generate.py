"""Verbs made from an API description: an operation becomes a click command, a service a group of them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import JsonType, ListOption, Verb, given, make_show, shared_options
from hca_core.context import Hca, say
from hca_core.lazy import LazyCommand, PluginGroup

if TYPE_CHECKING:
    from hca_core.openapi import Api, Operation, Parameter
    from hca_core.output import Show


# Verbs that every described service has.
SERVICE_VERBS = {
    "login": ("hca_core.verbs.service:login", "Log in, or keep a token for the service."),
    "logout": ("hca_core.verbs.service:logout", "End the login at the service and forget it."),
    "whoami": ("hca_core.verbs.service:whoami", "Show who you are to the service."),
    "refresh-swagger": ("hca_core.verbs.service:refresh_swagger", "Fetch the description of the API anew."),
}


class ServiceGroup(PluginGroup):
    """The group of a described service: hand-written verbs, one for each operation, login and logout, plugins' verbs.

    Parameters: `service` is the plugin's name, `packaged` the file with its packaged description. Help and completion
    ask no service: they use the cached live description of the configured one, or else the packaged one.
    """

    def __init__(self, *arguments: Any, service: str, packaged: str, **settings: Any) -> None:
        super().__init__(*arguments, own={**SERVICE_VERBS, **settings.pop("own", {})}, **settings)
        self.service = service
        self.packaged = packaged

    def operations(self, ctx: click.Context) -> dict[str, Operation]:
        """Return the operations by verb; read once a run, because a run may be followed by others in one process."""
        key = f"{__name__}.{self.service}"
        if key not in ctx.meta:
            ctx.meta[key] = {operation.command: operation for operation in self._api().operations.values()}
        found: dict[str, Operation] = ctx.meta[key]
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all verbs, sorted."""
        return sorted({*super().list_commands(ctx), *self.operations(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb: a hand-written one, else that of an operation, else a plugged-in one."""
        if cmd_name not in self.commands and cmd_name not in self.own and cmd_name in self.operations(ctx):
            operation = self.operations(ctx)[cmd_name]
            # A list of all verbs needs their one-line helps only; making all their options would take 5 ms.
            return LazyCommand(cmd_name, operation.summary, lambda: operation_command(operation, self.service))
        return super().get_command(ctx, cmd_name)

    def _api(self) -> Api:
        from hca_core import descriptions, openapi, paths
        from hca_core.errors import HCAError

        if os.path.isdir(os.path.join(paths.cache_dir(), "api")):
            try:
                document = descriptions.cached(self._configured_url())
                return openapi.parse(document) if document else self._packaged_api()
            except HCAError:
                pass  # a help page is no place to complain about the configuration; a verb will
        return self._packaged_api()

    def _packaged_api(self) -> Api:
        from hca_core import descriptions, openapi

        return openapi.parse(descriptions.packaged(self.packaged))

    def _configured_url(self) -> str:
        from hca_core import plugins
        from hca_core.config import HCAConfig

        section = next(iter(plugins.config_defaults(self.service)), "")
        return str(HCAConfig().lookup(f"{section}.swagger_url", ""))


def operation_command(operation: Operation, service: str) -> click.Command:
    """Return the verb of `operation` of the service whose plugin is called `service`."""
    params: list[click.Parameter] = []
    for parameter in operation.parameters:
        params.append(_option(parameter))
    taken = {name for option in params for name in option.opts}  # a service may call a parameter as we call an option
    if operation.paged:
        params.append(click.Option(["--no-paginate"], is_flag=True, help="Show the first page only."))
    if operation.streams and "--output-file" not in taken:
        help_text = "Write the content to this file, which appears when it is complete."
        params.append(click.Option(["--output-file", "-o"], type=click.Path(dir_okay=False), help=help_text))

    def callback(**values: Any) -> None:
        show = make_show(values.pop("output", None), values.pop("query", None), "json")
        run_operation(operation, service, values, show)

    for decorate in [] if {"--output", "--query"} & taken else shared_options("json"):
        callback = decorate(callback)
    shared = getattr(callback, "__click_params__", [])
    return Verb(
        operation.command,
        callback=callback,
        params=[*params, *shared],
        short_help=operation.summary,
        help="\n\n".join(filter(None, [operation.summary, operation.description])),
    )


def run_operation(operation: Operation, service: str, values: dict[str, Any], show: Show) -> None:
    """Call `operation` with the command line's `values` and write its result. Raises HCAError."""
    from hca_core import plugins
    from hca_core.errors import HCAError
    from hca_core.http import NOT_MODIFIED
    from hca_core.service import PagedOperation, decoded

    no_paginate = values.pop("no_paginate", False)
    output_file = values.pop("output_file", None)
    arguments = {name.removeprefix("p_"): value for name, value in given(values).items()}
    client = plugins.client_class(service)(config=Hca.current().config)
    if operation.name not in client.api.operations:  # the verb was made from a cached or packaged description
        raise HCAError(
            f"{client.swagger_url} describes no {operation.command}", hint=f"see 'hca {service} --help' for the verbs"
        )
    method = getattr(client, operation.name)
    if operation.streams:
        _stream(client, method, arguments, output_file, show)
    elif isinstance(method, PagedOperation):
        show.pages(iter([method.first_page(**arguments)]) if no_paginate else method.pages(**arguments))
    else:
        response = method.response(**arguments)
        if response.status_code == NOT_MODIFIED:
            # Such changes are made whole or not at all, so a part that was there already stops the rest, too.
            say("hca: nothing was changed: it, or a part of it, was so already")
        _show(operation, decoded(response), show)


def _show(operation: Operation, result: Any, show: Show) -> None:
    if operation.method == "HEAD":
        # HTTP heeds no case, and proxies change it; who reads the document does heed it.
        spelled = {name.lower(): name for name in operation.answer_headers}
        show({spelled.get(name.lower(), name): value for name, value in result.headers.items()})
    elif isinstance(result, bytes):
        sys.stdout.buffer.write(result)
        sys.stdout.buffer.flush()
    elif isinstance(result, str):
        show.text(result)
    elif result is not None:
        show(result)


def _stream(client: Any, method: Any, arguments: dict[str, Any], output_file: str | None, show: Show) -> None:
    """Write the content of a file as it arrives, resumed when the connection breaks, checked at the end."""
    from hca_core import content
    from hca_core.http import REDIRECTS

    with method.stream(**arguments) as first:
        if first.status_code in REDIRECTS:
            show.text(first.headers["Location"])
            say("hca: this is an address inside a cloud; hca does not fetch it")
            return

        def reopen(offset: int) -> Any:
            headers = {"Range": f"bytes={offset}-", "Accept-Encoding": "identity"}
            return client.send(method.operation, arguments, stream=True, headers=headers, tries=1)

        blocks = content.checked_blocks(first, reopen, client.promise(first))
        if output_file:
            from hca_core import files

            files.write_atomic(output_file, blocks, mode=0o666)
        else:
            for block in blocks:
                sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()


def _option(parameter: Parameter) -> click.Option:
    settings: dict[str, Any] = {"required": parameter.required, "help": _help(parameter)}
    names = [parameter.flag, "p_" + parameter.keyword]
    if parameter.kind == "array":
        return ListOption(names, of_objects=parameter.of_objects, metavar="ITEM...", **settings)
    if parameter.choices:
        settings["type"] = click.Choice(parameter.choices)
    elif parameter.kind == "object":
        settings |= {"type": JsonType(), "metavar": "JSON"}
    elif parameter.kind == "boolean":
        settings |= {"type": click.BOOL, "metavar": "true|false"}
    else:
        settings |= {"type": {"integer": click.INT, "number": click.FLOAT}.get(parameter.kind, click.STRING)}
    return click.Option(names, **settings)


def _help(parameter: Parameter) -> str:
    if parameter.default in (None, {}, []):
        return parameter.description
    return f"{parameter.description}  [service's default: {parameter.default}]"
