"""`hca plugins new`: a new plugin that installs, passes its tests and is in `hca --help` at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from hca_core.commands import Verb, output_options

if TYPE_CHECKING:
    from hca_core.output import Show


@click.command(cls=Verb, short_help="Write a new plugin, with tests.")
@click.argument("name")
@click.option("--into", type=click.Path(), default=".", metavar="DIR", help="Where to put its folder.  [default: .]")
@click.option("--with", "parts", multiple=True, metavar="PARTS", help="What it has, too: words with commas between.")
@click.option("--author", default="", metavar="NAME", help="Who writes it.")
@click.option("--url", default="", help="The home page of the project.")
@click.option("--licence", default="", metavar="SPDX", help="Its licence, such as MIT.  [default: none is chosen]")
@output_options()
def new(name: str, into: str, parts: tuple[str, ...], author: str, url: str, licence: str, show: Show) -> None:
    """Write the plugin NAME, with tests, into a new folder hca-plugin-NAME, and show its path.

    It asks a small service of its own, on the command line and in Python, and is ready to be installed: change what
    the service is (api.json), then what can be done with it. Nothing that is there is overwritten.

    \b
    Parts:
      subcommand=GROUP   a verb inside the group of another plugin
      hooks              observes requests, downloads and commands
      format             another --output for every command
      credentials        gives tokens to services
      local              the service on your own machine, in 'hca local up'
      filesystem         files by URI for pandas, dask and all that knows fsspec
    """
    from hca_core import scaffold

    written = scaffold.write(name, into=into, author=author, url=url, licence=licence, parts=parts)
    show.text(written.folder)
    sys.stdout.flush()  # so that what comes next is read below it, in a file of both as on a terminal
    for command in written.commands:
        click.echo(f"next: {command}", err=True)
