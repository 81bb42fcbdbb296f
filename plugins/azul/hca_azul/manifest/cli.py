"""`hca azul create-manifest`, and what it tells who waits for a manifest."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from hca_azul.cli import client, place_options
from hca_azul.search.cli import filter_options, say_why
from hca_core.commands import LOCAL_PATH, Verb, completed, output_options
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from hca_azul.client import AzulClient
    from hca_azul.manifest.manifest import Manifest
    from hca_azul.search.filters import Filter
    from hca_core.output import Show

_STDOUT = "-"


def timeout_option(function: Any) -> Any:
    """Add `--timeout-seconds`, for verbs that let the service make a manifest."""
    return click.option(
        "--timeout-seconds",
        "timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=1800,
        show_default=True,
        metavar="SECONDS",
        help="How long the service may take to make the manifest.",
    )(function)


def _formats() -> tuple[str, ...]:
    from hca_azul.manifest import formats

    return formats.KNOWN


def tell_waiting() -> None:
    """Tell a person that the service makes a manifest; nothing in a pipe."""
    from hca_core import progress

    progress.say("the service is making the manifest; for many files that takes minutes")


@click.command("create-manifest", cls=Verb, short_help="List files with all that is known of them.")
@filter_options
@click.option(
    "--format",
    "kind",
    default="compact",
    show_default=True,
    metavar="FORMAT",
    shell_complete=completed(_formats),
    help="One of those above, or another of the service's.",
)
@click.option(
    "-o", "--to", "target", type=LOCAL_PATH, help="The file, or - for stdout.  [default: named by the service]"
)
@timeout_option
@click.option("--link-only", is_flag=True, help="Print where it is, and fetch nothing.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@place_options
@output_options()
def create_manifest(
    filters: Filter,
    kind: str,
    target: str | None,
    timeout: float,
    link_only: bool,
    force: bool,
    no_progress: bool,
    show: Show,
) -> None:
    """Let the service make a manifest of all files that the filters select, and fetch it.

    \b
    compact         a table (TSV) of files, for hca azul download --manifest
    curl            a configuration for curl
    terra.pfb       what Terra imports (Avro)
    verbatim.jsonl  the metadata as they were submitted, one document a line

    Other formats, and which of these there are, the service tells. The file is there as a whole or not at all.

    \b
    hca azul create-manifest -f organ=kidney -f fileFormat=fastq.gz -o kidney.tsv
    hca azul create-manifest -f organ=kidney -o - | cut -f 7,10
    curl "$(hca azul create-manifest -f organ=kidney --link-only)"
    """
    if link_only and target is not None:
        raise click.UsageError("--link-only makes no file, so --to says nothing.", click.get_current_context())
    if target not in (None, _STDOUT) and not os.path.isdir(target):
        _check_free(target, force=force)
    with client() as azul:
        manifest = azul.manifest(filters, format=kind, timeout=timeout, waiting=tell_waiting)
        if link_only:
            _show_link(show, manifest)
        elif target == _STDOUT:
            _to_stdout(manifest, no_progress=no_progress)
        else:
            show(_saved(azul, manifest, target, filters, force=force, no_progress=no_progress))


def _saved(
    azul: AzulClient, manifest: Manifest, target: str | None, filters: Filter, *, force: bool, no_progress: bool
) -> dict[str, Any]:
    """Write the manifest to its file, and return what there is to tell of it."""
    from hca_azul.manifest import compact, formats
    from hca_core.progress import bytes_bar

    with manifest.opened() as content:
        path = target or ""
        if not path or os.path.isdir(path):
            path = os.path.join(path, content.name or f"{manifest.catalog}-manifest.{formats.ending(manifest.format)}")
            _check_free(path, force=force)
        with bytes_bar(content.size, enabled=not no_progress) as bar:
            saved = content.save(path, bar)
    rows = compact.count(path) if manifest.format == formats.COMPACT else None
    if rows == 0:
        say_why(azul, "files", filters)
    return {
        "path": saved.path,
        "format": manifest.format,
        "rows": rows,
        "bytes": saved.size,
        "sha256": saved.sha256,
        "catalog": manifest.catalog,
        "service": azul.url,
        "expires": _moment(manifest.expires),
    }


def _to_stdout(manifest: Manifest, *, no_progress: bool) -> None:
    """Write the manifest to standard output, when all of it is there: half a list would look like a whole one."""
    import shutil
    import tempfile

    from hca_core.progress import bytes_bar

    with tempfile.TemporaryFile(prefix="hca-azul-") as stream:
        with manifest.opened() as content, bytes_bar(content.size, enabled=not no_progress) as bar:
            content.write_to(stream, bar)
        stream.seek(0)
        shutil.copyfileobj(stream, sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _show_link(show: Show, manifest: Manifest) -> None:
    if not show.chosen and not show.query:
        show.text(manifest.url)
        return
    show(
        {
            "url": manifest.url,
            "format": manifest.format,
            "catalog": manifest.catalog,
            "expires": _moment(manifest.expires),
        }
    )


def _moment(seconds: float | None) -> str | None:
    from datetime import UTC, datetime

    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _check_free(path: str, *, force: bool) -> None:
    """Raise UsageError if nothing should be written to `path`."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise UsageError(f"there is no directory {folder}")
    if not os.path.lexists(path):
        return
    if not os.path.isfile(path):
        raise UsageError(f"{path} is not a file", hint="--to - writes to standard output")
    if not force:
        raise UsageError(f"{path} exists", hint="--force replaces it")
