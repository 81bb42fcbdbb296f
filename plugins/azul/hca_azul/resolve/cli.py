"""`hca azul resolve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from hca_azul.cli import client, place_options
from hca_core.commands import Verb, output_options

if TYPE_CHECKING:
    from hca_core.output import Show


@click.command(cls=Verb, short_help="Turn identifiers of files into URLs that work.")
@click.argument("names", nargs=-1, required=True, metavar="URI...")
@click.option("--version", metavar="VERSION", help="Of the file.  [default: the newest]")
@click.option("--expires", is_flag=True, help="Show also where each URL leads, and until when it is good.")
@place_options
@output_options("jsonl", told="text")
def resolve(names: tuple[str, ...], version: str | None, expires: bool, show: Show) -> None:
    """Turn identifiers of files into URLs that give their bytes now.

    URI is the UUID of a file, its sha256, its URL at Azul, a drs:// or an s3:// URI of the open-data mirror. The mirror
    is asked first, then Azul, then the repository. Without --output and --expires the bare URLs are written.

    A signed URL is a credential for some minutes: whoever has it can read the file.

    \b
    hca azul resolve dcbbb566-f4bd-48ef-bb78-9ea44c5eb2ac
    hca azul resolve drs://data.terra.bio/v2_ID --expires
    curl --output reads.fastq.gz "$(hca azul resolve UUID)"
    """
    from hca_azul.resolve.resolving import document_of
    from hca_core import log

    is_plain = not (expires or show.chosen or show.query)
    with client() as azul:
        found = ((name, azul.resolve(name, version)) for name in names)
        if not is_plain:
            show((document_of(one, name) for name, one in found), columns=("asked", "name", "kind", "expires", "url"))
            return
        for name, one in found:
            show.text(one.url)
            if one.headers:
                log.logger().warning("%s needs headers, which --output json shows", name)
