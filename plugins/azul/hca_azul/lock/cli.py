"""`hca azul lock` and `verify`."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from hca_azul.cli import client, place_options
from hca_azul.download.cli import layout_option
from hca_azul.search.cli import filter_options
from hca_core.commands import LOCAL_PATH, Verb, output_options
from hca_core.context import say

if TYPE_CHECKING:
    from hca_azul.lock.reading import Lock
    from hca_azul.search.filters import Filter
    from hca_core.output import Show


@click.command(cls=Verb, short_help="Pin a data set in a lock file, or check one.")
@filter_options
@click.option("--manifest", type=LOCAL_PATH, metavar="FILE", help="The files of a manifest; '-': standard input.")
@click.option(
    "-o",
    "--to",
    type=LOCAL_PATH,
    default="hca-lock.json",
    show_default=True,
    metavar="FILE",
    help="The lock file to write.",
)
@layout_option("Where a download puts the files.")
@click.option("--force", is_flag=True, help="Replace a lock file that is there.")
@click.option("--check", type=LOCAL_PATH, metavar="FILE", help="Write nothing: compare this lock with the service.")
@place_options
@output_options("json")
def lock(
    filters: Filter, manifest: str | None, to: str, layout: str, force: bool, check: str | None, show: Show
) -> None:
    """Pin a data set: write a lock file with the UUID, version, sha256 and size of each file.

    With it anybody gets the same bytes, also when the catalog is gone: hca azul download --lock FILE. It has no secret.

    --check tells which files of a lock have newer versions in today's catalog (or that of --catalog), or are gone; then
    the exit status is 7.

    \b
    hca azul lock -f organ=kidney -f fileFormat=h5ad --to kidney-lock.json
    hca azul lock --check kidney-lock.json
    """
    if manifest and (filters or check):
        raise click.UsageError("--manifest goes with neither filters nor --check.", click.get_current_context())
    if check and filters:
        raise click.UsageError("--check takes no filters: the lock has them.", click.get_current_context())
    if check:
        _check(check, show)
        return
    if not manifest and not filters:
        raise click.UsageError("Give filters (-f organ=kidney) or --manifest.", click.get_current_context())
    from hca_azul.lock import writing
    from hca_core.transfer import outputs

    writing.check(to)
    outputs.check_new(to, force=force)
    with client() as azul:
        if manifest:
            made = azul.lock_manifest(manifest, to, layout=layout)
        else:
            made = azul.lock_filters(filters, to, layout=layout, waiting=_waiting)
    show(_told(made))


def _waiting() -> None:
    say("The service is listing the files ...")


def _told(made: Lock) -> dict[str, Any]:
    header = made.header
    return {
        "path": made.path,
        "files": header.count,
        "bytes": header.bytes,
        "catalog": header.catalog,
        "commit": header.commit,
        "authenticated": header.authenticated,
    }


def _check(path: str, show: Show) -> None:
    """Show what of a lock file is not as it was. Raises PartialError if files are not."""
    from hca_azul.lock.checking import Check
    from hca_azul.lock.reading import read

    found = read(path)
    with client() as azul:
        looked = Check(azul.service, found)
        show.format = show.chosen or "jsonl"
        show((one._asdict() for one in looked.findings()), columns=("what", "state", "uuid", "version", "now", "name"))
    skipped = f"; {looked.skipped:,} are in no index, as pieces of zarr stores" if looked.skipped else ""
    say(f"{looked.files - looked.wrong - looked.skipped:,} of {looked.files:,} files are as they were{skipped}")
    looked.raise_if_wrong()


@click.command(cls=Verb, short_help="Check what was downloaded, without a request.")
@click.argument("directory", default="", metavar="[DIR]", type=LOCAL_PATH)
@click.option("--manifest", type=LOCAL_PATH, metavar="FILE", help="What was downloaded; '-': standard input.")
@click.option("--lock", type=LOCAL_PATH, metavar="FILE", help="The lock file of what was downloaded.")
@layout_option("That of the download.  [default: the usual one, or that of the lock]", None)
@click.option("--ignore-missing", is_flag=True, help="Files may be missing, as filters leave them out.")
@click.option(
    "--sums", type=LOCAL_PATH, default="", metavar="FILE", help="Write a file for 'sha256sum -c', run inside DIR."
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Files to read side by side.  [default: one for each core]")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@output_options("json")
def verify(
    directory: str,
    manifest: str | None,
    lock: str | None,
    layout: str | None,
    jobs: int | None,
    no_progress: bool,
    show: Show,
    **settings: Any,
) -> None:
    """Read all files that were downloaded to DIR, and compare them with a manifest or a lock file.

    DIR is the current directory by default. What is wrong is listed, with exit status 6. No request is sent.

    \b
    hca azul verify data --lock hca-lock.json
    hca azul verify data --manifest manifest.tsv --sums data.sha256
    """
    from hca_azul.download.places import RECORDED
    from hca_azul.lock import reading, verifying
    from hca_azul.manifest import rows
    from hca_core import progress

    if (manifest is None) == (lock is None):
        raise click.UsageError("Give --manifest or --lock, one of them.", click.get_current_context())
    with ExitStack() as open_now:
        listed = reading.read(lock) if lock else open_now.enter_context(rows.read(manifest or ""))
        bar = open_now.enter_context(progress.bytes_bar(None, enabled=not no_progress))
        findings = verifying.verify(
            listed,
            directory,
            layout=layout or (RECORDED if lock else verifying.usual_layout(listed)),
            jobs=jobs or os.cpu_count() or 1,
            bar=bar,
            **settings,
        )
    show(findings.document())
    findings.raise_if_wrong()
