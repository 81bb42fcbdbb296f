"""`hca cache`: what lies in the filestore of a download directory, whether it is right, and what can go."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from hca_core.commands import LOCAL_PATH, Verb, output_options

if TYPE_CHECKING:
    from hca_core.output import Show

MOST_WRONG = 10_000  # that are listed; all are counted


@click.group()
def cache() -> None:
    """Check and tidy the filestore of a download directory.

    Downloads keep each content once, in .hca below the directory that they go to, and link to it from there.

    \b
    hca cache info data
    hca cache verify data
    hca cache prune data --dry-run
    """


@cache.command("info", cls=Verb, short_help="Count what is in the filestore.")
@click.argument("directory", default="", metavar="[DIR]", type=LOCAL_PATH)
@output_options()
def info(directory: str, show: Show) -> None:
    """Count what is in the filestore below DIR: files, bytes, parts of unfinished downloads.

    Of the files, `unlinked` are those that no directory links to: all of them after a download without directories, or
    onto a disk that can't link.
    """
    from hca_core.transfer import filestore

    show({"directory": directory or ".", **filestore.info(directory).document()})


@cache.command("verify", cls=Verb, short_help="Read all files and compare them with their names.")
@click.argument("directory", default="", metavar="[DIR]", type=LOCAL_PATH)
@click.option("--remove", is_flag=True, help="Delete files that are wrong; the next download fetches them.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Files to read side by side.  [default: one for each core]")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@output_options()
def verify(directory: str, remove: bool, jobs: int | None, no_progress: bool, show: Show) -> None:
    """Read all files of the filestore below DIR and compare each with its name, which is its sha256.

    Ends with exit status 6 if one is wrong. A file that can't be read is told, too, but never deleted.
    """
    from hca_core.errors import HCAError, IntegrityError
    from hca_core.progress import bytes_bar
    from hca_core.transfer import filestore
    from hca_core.transfer.report import counted

    files = size = wrong = gone = elsewhere = 0
    listed: list[dict[str, str]] = []
    with bytes_bar(None, enabled=not no_progress) as bar:
        for one in filestore.verify(directory, jobs=jobs or os.cpu_count() or 1):
            bar(one.size)
            bar.file()
            files += 1
            size += one.size
            if not one.problem:
                continue
            wrong += 1
            problem = one.problem
            if remove and one.is_known:
                try:
                    elsewhere += filestore.remove(directory, one.path)
                    gone += 1
                except (HCAError, OSError) as error:
                    problem += f"; not deleted: {error}"
            if len(listed) < MOST_WRONG:
                listed.append({"file": one.path, "problem": problem})
    removed = {"removed": gone} if remove else {}
    show(
        {"directory": directory or ".", "files": files, "bytes": size, "wrong_files": wrong, **removed, "wrong": listed}
    )
    if wrong:
        hint = "hca cache verify --remove, then download"
        if remove:
            hint = "run the download again: it fetches what was deleted"
        if remove and gone < wrong:
            hint = "see what keeps the others from being deleted, then run this again"
        if elsewhere:
            hint = f"{counted(elsewhere, 'file')} had names in directories, too: delete them there, then download again"
        raise IntegrityError(f"{wrong:,} of {counted(files, 'file')} {'is' if wrong == 1 else 'are'} wrong", hint=hint)


@cache.command("prune", cls=Verb, short_help="Delete what nobody needs any more.")
@click.argument("directory", default="", metavar="[DIR]", type=LOCAL_PATH)
@click.option("--unlinked", is_flag=True, help="Also files that no directory links to any more.")
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@output_options()
def prune(directory: str, unlinked: bool, dry_run: bool, show: Show) -> None:
    """Delete what downloads left in the filestore below DIR that nobody goes on with.

    These are parts whose process has ended or has not written to them for an hour, old temporary files, and empty
    folders. With --unlinked also files whose directories you have deleted; not while a download runs there. The parts
    of a download that you want to go on with later go, too.

    \b
    hca cache prune data --unlinked --dry-run
    """
    from hca_core.transfer import filestore

    pruned = filestore.prune(directory, unlinked=unlinked, dry_run=dry_run)
    show({"directory": directory or ".", **({"dry_run": True} if dry_run else {}), **pruned.document()})
