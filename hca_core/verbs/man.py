"""`hca man`: the manual pages of everything that is installed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from hca_core import __version__
from hca_core.commands import Verb, output_options
from hca_core.errors import PartialError, UsageError, one_line

if TYPE_CHECKING:
    from hca_core.output import Show

_MODE = 0o644  # manual pages are for everybody who uses the machine


@click.command("man", cls=Verb)
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False))
@output_options()
@click.pass_context
def man(ctx: click.Context, directory: str, show: Show) -> None:
    """Write the manual pages of all commands into DIR, which is made if need be.

    A page for each command of hca and of the plugins that are installed here: hca.1, hca-config.1, hca-config-get.1.
    Pages of the same name are replaced, others stay. The date at the bottom is that of SOURCE_DATE_EPOCH, if it is
    set, so that the same version gives the same bytes.

    \b
    hca man ~/.local/share/man/man1
    man hca-config-get
    """
    from hca_core import files, names
    from hca_core.verbs.man_pages import page, page_name, pages

    root = click.Context(ctx.find_root().command, info_name="hca")
    release, date = f"hca {__version__}", _date()
    os.makedirs(directory, exist_ok=True)
    written, failed = 0, []
    for context, found in pages(root.command, root):
        name = f"{page_name(context)}.1"
        if isinstance(found, Exception) or "/" in name or names.problem(name):
            failed.append(one_line(context.command_path))
            continue
        text = page(found, context, release=release, date=date)
        files.write_atomic(os.path.join(directory, name), text.encode(), _MODE)
        written += 1
    show({"directory": directory, "pages": written})
    if failed:
        raise PartialError(f"there is no page of {', '.join(failed)}", hint="hca plugins --check")


def _date() -> str:
    """Return the day of SOURCE_DATE_EPOCH (reproducible-builds.org) as YYYY-MM-DD, or an empty text if it is not set.

    Raises UsageError.
    """
    import time

    seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        return time.strftime("%Y-%m-%d", time.gmtime(int(seconds))) if seconds else ""
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"SOURCE_DATE_EPOCH is {seconds!r}, which is no number of seconds") from error
