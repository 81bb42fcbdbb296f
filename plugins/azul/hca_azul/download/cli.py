"""`hca azul download`, and the options that other verbs that fetch files have in common with it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

from hca_azul.cli import client, place_options
from hca_azul.manifest.cli import tell_waiting
from hca_azul.search.cli import filter_options, say_why
from hca_core.commands import LOCAL_PATH, completed
from hca_core.errors import one_line
from hca_core.verbs.transfer import SIZE, TransferVerb, transfer_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hca_azul.client import AzulClient
    from hca_azul.search.filters import Filter
    from hca_core.transfer.report import Report

_LAYOUT = (
    "project, bundle, flat, none (in the store only), or a template as {organ}/{donor}/{name}.  [default: project]"
)


def layouts() -> Iterable[str]:
    """Return the layouts that have a name."""
    from hca_azul.download import places

    return places.LAYOUTS


def _sources(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Return how a list of sources may go on."""
    from hca_azul.download.sources import KINDS

    before, comma, last = begun.rpartition(",")
    return [f"{before}{comma}{kind}" for kind in KINDS if kind.startswith(last) and kind not in before.split(",")]


def layout_option(text: str, default: str | None = "project") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return the option `--layout`; `text` is its help."""
    return click.option(
        "--layout",
        default=default,
        show_default=bool(default),
        metavar="NAME",
        shell_complete=completed(layouts),
        help=text,
    )


def download_options(function: Callable[..., Report]) -> Callable[..., None]:
    """Give a verb the options on where files come from, where they go, and how they are fetched.

    It gets `download_dir`, `choice` (a `hca_azul.download.run.Choice`) and `order` as keywords, and returns the report.
    """

    @functools.wraps(function)
    def with_choice(
        *arguments: Any, layout: str, source: str, max_bytes: float | None, strict: bool, **settings: Any
    ) -> Report:
        from hca_azul.download.run import Choice

        sources = tuple(word.strip() for word in source.split(","))
        choice = Choice(layout, sources, None if max_bytes is None else int(max_bytes), strict)
        choice.check()
        return function(*arguments, choice=choice, **settings)

    verb: Callable[..., Any] = transfer_options(with_choice)
    for option in (
        click.option("--max-bytes", type=SIZE, metavar="SIZE", help="Fetch nothing if it is more than 20G, 800M, ..."),
        click.option("--strict", is_flag=True, help="Fail if a file is listed of which no service has the bytes."),
        click.option(
            "--source",
            default="mirror,azul,drs",
            show_default=True,
            metavar="NAMES",
            shell_complete=_sources,
            help="Where from: these, or some of them, in the order in which they are asked.",
        ),
        layout_option(_LAYOUT, ""),
        click.option(
            "-d",
            "--download-dir",
            type=LOCAL_PATH,
            default="",
            metavar="DIR",
            help="Where to; made if missing.  [default: current directory]",
        ),
    ):
        verb = option(verb)
    return place_options(verb)


@click.command(cls=TransferVerb, short_help="Download files, verified and resumable.")
@click.argument("names", nargs=-1, metavar="[FILE|PROJECT]...")
@filter_options
@click.option("--manifest", type=LOCAL_PATH, metavar="FILE", help="The files of a manifest; '-': standard input.")
@click.option("--lock", type=LOCAL_PATH, metavar="FILE", help="The files of a lock file (hca azul lock).")
@click.option("--retry-failed", type=LOCAL_PATH, metavar="FILE", help="What an earlier --failures has.")
@download_options
def download(
    names: tuple[str, ...],
    filters: Filter,
    manifest: str | None,
    lock: str | None,
    retry_failed: str | None,
    **settings: Any,
) -> Report:
    """Download files, verified and resumable.

    FILE is a UUID, a sha256, or an address at Azul or in the mirror; PROJECT a UUID, a short name, or its page at the
    data portal. Filters narrow projects, or say alone what is wanted. Bytes come from the open-data mirror where it has
    them, else from Azul. Each file is checked against its size and sha256; run the same command again to go on.

    Contents are kept once in the store .hca of the download directory; the files in the layout are links to it.

    \b
    hca azul download -f organ=kidney -f fileFormat=fastq.gz --dry-run
    hca azul download KidneyTubuleAtlas -f fileFormat=h5ad -d data
    hca azul create-manifest -f organ=kidney --to - | hca azul download --manifest - -d data
    """
    from hca_core import log

    what = f"{one_line(names[0])} (a directory is given with -d)" if names else "filters"
    _check_ways({"--manifest": manifest, "--lock": lock, "--retry-failed": retry_failed, what: names or filters})
    with client() as azul:
        if retry_failed:
            return azul.retry_failed(retry_failed, **settings)
        if lock:
            return azul.replay(lock, **settings)
        if manifest:
            report = azul.download_manifest(manifest, **settings)
            if _is_empty(report):
                log.logger().info("the manifest %s lists no files", manifest)
            return report
        report = azul.download(filters, names=names, waiting=tell_waiting, **settings)
        if _is_empty(report):
            _say_nothing_found(azul, names, filters)
        return report


def _is_empty(report: Report) -> bool:
    told = report.document()
    return not told.get("files") and not told.get("unavailable")


def _say_nothing_found(azul: AzulClient, names: tuple[str, ...], filters: Filter) -> None:
    from hca_core import log

    named = ", ".join(names)
    if not names:
        say_why(azul, "files", filters)
    elif filters:
        log.logger().info("no file of %s matches the filters: hca azul get-facets shows what there is", named)
    else:
        log.logger().info("catalog %s has no files of %s that you may see", azul.catalog, named)


def _check_ways(ways: dict[str, Any]) -> None:
    """Raise click.UsageError if there are two ways of saying what is wanted."""
    given = [name for name, value in ways.items() if value]
    if len(given) > 1:
        raise click.UsageError(f"{given[0]} and {given[1]} exclude each other.", click.get_current_context())
