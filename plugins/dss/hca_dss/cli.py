"""`hca dss`: the verbs of the API, and the hand-written ones: parse, one SDK call, show."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from hca_core.commands import LOCAL_PATH, ListOption, Verb, given, make_show, output_options
from hca_core.context import Hca
from hca_core.generate import ServiceGroup
from hca_core.lazy import LazyCommand
from hca_core.verbs.transfer import TransferVerb, transfer_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.output import Show
    from hca_core.transfer.report import Report
    from hca_core.transfer.run import Order
    from hca_dss.client import DSSClient

REPLICAS = click.Choice(["aws", "gcp"])


class DSSGroup(ServiceGroup):
    """The group of the service, with a verb of the API that can do more than the API."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a verb; the one that starts a checkout can also wait for its end."""
        found = super().get_command(ctx, cmd_name)
        if cmd_name == "post-bundles-checkout" and isinstance(found, LazyCommand):
            return LazyCommand(cmd_name, found.short_help or "", lambda: _with_wait(found.loaded()))
        return found


def _with_wait(verb: click.Command) -> click.Command:
    """Return the verb made of the API's operation, with the option `--wait`."""
    start: Callable[..., Any] = verb.callback  # type: ignore[assignment]

    def callback(wait: bool, **values: Any) -> None:
        if not wait:
            start(**values)
            return
        show = make_show(values.pop("output"), values.pop("query"), "json")
        arguments = {name.removeprefix("p_"): value for name, value in given(values).items()}
        show(_client().checkout(**arguments))

    verb.callback = callback
    text = "Wait until it is done, and show its status and location."
    verb.params.append(click.Option(["--wait"], is_flag=True, help=text))
    return verb


@click.group(
    cls=DSSGroup,
    service="dss",
    packaged=os.path.join(os.path.dirname(__file__), "api.json"),
    entry_points="hca.commands.dss",
)
def dss() -> None:
    """Find, download and upload data of the Data Storage System.

    \b
    hca dss get-bundles-all --replica aws --output table
    hca dss download --replica aws --bundle-uuid UUID
    hca dss upload --replica aws --src-dir data --staging-bucket BUCKET
    """


DOWNLOAD_DIR = click.option(
    "--download-dir",
    type=LOCAL_PATH,
    default="",
    metavar="DIR",
    help="Where to; made if missing.  [default: current directory]",
)


@dss.command("download", cls=TransferVerb, short_help="Download a bundle as a directory.")
@click.option("--bundle-uuid", required=True, help="The bundle.")
@click.option("--replica", type=REPLICAS, required=True, help="Replica to download from.")
@click.option("--version", default="", help="Version of the bundle.  [default: the latest]")
@click.option("--metadata-filter", cls=ListOption, metavar="PATTERN...", help="Metadata files to take.  [default: *]")
@click.option("--data-filter", cls=ListOption, metavar="PATTERN...", help="Data files to take.  [default: *]")
@click.option("--no-metadata", is_flag=True, help="Take no metadata files.")
@click.option("--no-data", is_flag=True, help="Take no data files.")
@DOWNLOAD_DIR
@transfer_options
def download(
    metadata_filter: list[str] | None,
    data_filter: list[str] | None,
    no_metadata: bool,
    no_data: bool,
    **settings: Any,
) -> Report:
    """Download a bundle as a directory.

    The files land in UUID.VERSION below the download directory, each checked against its size and sha256. Their
    content is kept in the filestore .hca beside it; an interrupted download goes on where it was when the same command
    is run again.

    Patterns are those of the shell and heed case. Metadata files are those that the bundle marks as indexed.

    \b
    hca dss download --replica aws --bundle-uuid UUID --data-filter '*.fastq.gz'
    """
    if no_metadata and metadata_filter is not None:
        raise click.UsageError("--metadata-filter and --no-metadata exclude each other.", click.get_current_context())
    if no_data and data_filter is not None:
        raise click.UsageError("--data-filter and --no-data exclude each other.", click.get_current_context())
    settings |= {"metadata_filter": metadata_filter or ("*",), "data_filter": data_filter or ("*",)}
    return _client().download(no_metadata=no_metadata, no_data=no_data, **settings)


@dss.command("download-manifest", cls=TransferVerb, short_help="Download the files that a manifest lists.")
@click.option("--manifest", type=LOCAL_PATH, metavar="FILE", help="Tab-separated file with a row for each file.")
@click.option(
    "--retry-failed", type=LOCAL_PATH, metavar="FILE", help="Instead of a manifest: what an earlier --failures has."
)
@click.option("--replica", type=REPLICAS, help="Replica to download from; a file of failures knows.")
@click.option("--layout", type=click.Choice(["none", "bundle"]), default="none", show_default=True, help="See above.")
@click.option("--no-metadata", is_flag=True, help="Take no metadata files (layout bundle).")
@click.option("--no-data", is_flag=True, help="Take no data files (layout bundle).")
@DOWNLOAD_DIR
@transfer_options
def download_manifest(
    manifest: str | None,
    retry_failed: str | None,
    replica: str | None,
    download_dir: str,
    order: Order,
    **settings: Any,
) -> Report:
    """Download the files that a manifest lists.

    The manifest is a tab-separated file whose header names the columns bundle_uuid, bundle_version, file_name,
    file_uuid, file_sha256 and file_size, in any order; file_version is used if it is there, others are kept. It is
    checked whole before anything is sent.

    Layout none puts the content into the filestore .hca; layout bundle also makes a directory for each bundle, with
    all of its metadata and the listed data files. When everything is there, a copy of the manifest with the column
    file_path is written to the current directory.

    \b
    hca dss download-manifest --replica aws --manifest files.tsv --layout bundle
    hca dss download-manifest --replica aws --manifest files.tsv --failures failed.jsonl
    hca dss download-manifest --retry-failed failed.jsonl
    """
    context = click.get_current_context()
    if retry_failed is not None:
        for name in ("manifest", "replica", "layout", "no_metadata", "no_data"):
            if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
                option = name.replace("_", "-")
                raise click.UsageError(f"--retry-failed and --{option} exclude each other.", context)
        return _client().retry_failed(retry_failed, download_dir=download_dir, order=order)
    for name, value in (("--manifest", manifest), ("--replica", replica)):
        if value is None:
            raise click.UsageError(f"Missing option '{name}'.", context)
    return _client().download_manifest(
        manifest or "", replica or "", download_dir=download_dir, order=order, **settings
    )


@dss.command("download-collection", cls=TransferVerb, short_help="Download the bundles of a collection.")
@click.option("--uuid", required=True, help="The collection.")
@click.option("--replica", type=REPLICAS, required=True, help="Replica to download from.")
@click.option("--version", help="Version of the collection.  [default: the latest]")
@DOWNLOAD_DIR
@transfer_options
def download_collection(**settings: Any) -> Report:
    """Download every bundle of a collection, and of the collections in it, each as a directory."""
    return _client().download_collection(**settings)


@dss.command("verify", cls=Verb, short_help="Check what was downloaded.")
@click.argument("directory", default="", metavar="[DIR]", type=LOCAL_PATH)
@click.option("--ignore-missing", is_flag=True, help="Files of bundles may be missing, as filters leave them out.")
@click.option(
    "--sums", type=LOCAL_PATH, default="", metavar="FILE", help="Write a file for 'sha256sum -c', run inside DIR."
)
@click.option("--jobs", type=click.IntRange(1, 256), help="Files to read side by side.  [default: one for each core]")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@output_options("json")
def verify(directory: str, ignore_missing: bool, sums: str, jobs: int | None, no_progress: bool, show: Show) -> None:
    """Check all files that were downloaded to DIR, which is the current directory by default.

    All of them are read: those of the directories of bundles are compared with bundle.json, the filestore .hca with
    its names. What is wrong is listed, with exit status 6; so are files that no bundle lists, which are no fault.

    \b
    hca dss verify data --sums data.sha256
    """
    from hca_core import progress
    from hca_dss import verify as verifying

    with progress.bytes_bar(None, enabled=not no_progress) as bar:
        findings = verifying.verify(
            directory, jobs=jobs or os.cpu_count() or 1, sums=sums, ignore_missing=ignore_missing, bar=bar
        )
    show(findings.document())
    findings.raise_if_wrong()


@dss.command("upload", cls=Verb, short_help="Make a bundle of a directory.")
@click.option("--src-dir", type=LOCAL_PATH, metavar="DIR", required=True, help="The directory.")
@click.option("--replica", type=REPLICAS, required=True, help="Replica to make the bundle on.")
@click.option("--staging-bucket", required=True, help="S3 bucket of yours that the service may read from.")
@click.option(
    "--timeout-seconds",
    type=click.IntRange(min=0),
    default=1200,
    show_default=True,
    help="How long the service may take to copy one file.",
)
@click.option("--bundle-uuid", help="Make a version of this bundle.  [default: a new bundle]")
@click.option("--jobs", type=click.IntRange(1, 256), help="Files to send side by side.  [default: 16]")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@output_options("json")
def upload(jobs: int | None, show: Show, **settings: Any) -> None:
    """Make a bundle of a directory.

    Its files are sent to the staging bucket, with the keys, region and endpoint that the AWS tools use, and registered
    with the service from there. Their names in the bundle are their paths below the directory; *.json are metadata.

    An upload that was interrupted, or of which files failed, goes on where it was when the same command is run again,
    and makes the same bundle. What is staged stays in the bucket.

    \b
    hca dss upload --src-dir data --replica aws --staging-bucket my-bucket
    aws s3 rm s3://my-bucket --recursive
    """
    client = _client()
    client.threads = jobs or client.threads
    show(client.upload(**settings))


@dss.command("read-events", cls=Verb, short_help="Print the events of the journals.")
@click.option("--replica", type=REPLICAS, required=True, help="Replica to read from.")
@click.option("--from-date", help="Only events from this version on.  [default: the earliest]")
@click.option("--to-date", help="Only events before this version.  [default: the latest]")
@output_options("jsonl")
def read_events(show: Show, **settings: Any) -> None:
    """Print what happened to bundles: the event documents that the journals of get-events hold, a line each.

    \b
    hca dss read-events --replica aws --from-date 2019-08-01T000000.000000Z
    """
    show(_client().read_events(**settings))


@dss.command("create-version", cls=Verb, short_help="Print a timestamp to use as a version.")
@output_options()
def create_version(show: Show) -> None:
    """Print the present moment as a version of a bundle or file, such as 1985-04-12T232050.520000Z."""
    from hca_core import versions

    show.text(versions.now())


def _client() -> DSSClient:
    """Return a client with the command line's configuration."""
    from hca_dss.client import DSSClient

    return DSSClient(config=Hca.current().config)
