"""`hca upload`: each verb parses its words, makes one call of the SDK, and shows the result."""

from __future__ import annotations

import functools
import os
import sys
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

import click

from hca_core.commands import LOCAL_PATH, Verb, output_options
from hca_core.context import Hca
from hca_core.errors import ExitStatus
from hca_core.lazy import PluginGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hca_core.output import Show
    from hca_upload.area import UploadArea
    from hca_upload.checking import Row
    from hca_upload.config import UploadConfig
    from hca_upload.upload import Outcome, Report
    from hca_upload.uri import UploadAreaURI


@click.group(
    cls=PluginGroup,
    entry_points="hca.commands.upload",
    own={
        "create": ("hca_upload.administration.cli:create", "Make an upload area."),
        "delete": ("hca_upload.administration.cli:delete", "Delete an upload area and all its files."),
        "exists": ("hca_upload.administration.cli:exists", "Tell whether there is an upload area."),
        "help": ("hca_core.verbs.help:help_command", "Show this help, or that of a verb."),
        "validate": ("hca_upload.administration.cli:validate", "Let the service validate files of the area."),
    },
)
def upload() -> None:
    """Upload files to areas of the Upload Service.

    \b
    hca upload select s3://org-humancellatlas-upload-prod/UUID/
    hca upload files reads/ metadata.json
    hca upload list --long
    hca upload status reads_1.fastq.gz
    """


def text_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a verb `--output` and `--query`; without them it writes its published text, and a query is shown as JSON."""

    @functools.wraps(function)
    def with_show(*arguments: Any, show: Show, **choices: Any) -> Any:
        if show.chosen is None:
            show.format = "json"
        return function(*arguments, show=show, **choices)

    return output_options("text")(with_show)


def _area_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name another area than the selected one."""
    env = click.option(
        "--env", metavar="STAGE", help="Deployment stage of the area.  [default: that of the selected one]"
    )
    uuid = click.option(
        "--uuid", metavar="UUID", help="The area, or the beginning of its UUID.  [default: the selected one]"
    )
    return env(uuid(function))


@upload.command(cls=Verb, short_help="Select the upload area to work with.")
@click.argument("uri_or_alias")
@text_options
def select(uri_or_alias: str, show: Show) -> None:
    """Select the upload area that the other verbs work with.

    URI_OR_ALIAS is its address, s3://BUCKET/UUID/, or for an area that was selected before its UUID or the beginning of
    that, as long as no other area begins so. The selection is kept in your configuration.

    \b
    hca upload select s3://org-humancellatlas-upload-prod/aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee/
    hca upload select aa
    """
    config = settings()
    if uri_or_alias.startswith("s3:"):
        from hca_upload.uri import UploadAreaURI

        uri = UploadAreaURI(uri_or_alias)
        config.add_area(uri)
    else:
        uri = config.area_uri(config.find(uri_or_alias))
    config.select_area(uri.area_uuid)
    alias = config.alias(uri.area_uuid)
    text = [
        f"Upload area {uri.area_uuid} selected.",
        f'In future you may refer to this upload area using the alias "{alias}"',
    ]
    write(show, text, {"uuid": uri.area_uuid, "uri": uri.uri, "alias": alias})


@upload.command("files", cls=Verb, short_help="Upload files and directories.")
@click.argument("upload_paths", nargs=-1, required=True, metavar="UPLOAD_PATHS...", type=LOCAL_PATH)
@click.option("-t", "--target-filename", metavar="NAME", help="Name of the file in the area; for one file only.")
@click.option("--file-extension", metavar="EXT", help="Take only files that end so; for directories only.")
@click.option("--flatten", is_flag=True, help="Leave the directories out of the names.")
@click.option("-s", "--sync", is_flag=True, help="Skip files that are in the area already.")
@click.option("-n", "--dry-run", is_flag=True, help="Send nothing; tell what would be sent.")
@click.option(
    "--dcp-type", metavar="TYPE", default="data", show_default=True, help="What the files are to the platform."
)
@click.option("--no-transfer-acceleration", is_flag=True, help="Send to the bucket's own region, not the nearest edge.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Files to send side by side.  [default: 16]")
@click.option("-q", "--quiet", is_flag=True, help="Tell only what goes wrong.")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@text_options
def files(
    upload_paths: tuple[str, ...],
    no_transfer_acceleration: bool,
    quiet: bool,
    no_progress: bool,
    show: Show,
    **choices: Any,
) -> None:
    """Upload files and directories to the selected area.

    UPLOAD_PATHS are files, directories with all that is below them, and s3:// addresses of objects or of what they
    begin with. A file has its own name in the area; the files of a directory have their paths below it. What is wrong
    with the paths is told before anything is sent.

    Each file is told when it is there. An upload that was interrupted goes on where it was when the same command is
    run again; with --sync, files that are in the area with the same content are not sent again.

    \b
    hca upload files reads/ --file-extension fastq.gz --sync
    hca upload files report.txt --target-filename methods.txt
    """
    from hca_core import log

    with selected_area() as area:
        if quiet:
            log.logger().setLevel("WARNING")
        told = None
        if is_text(show) and not quiet and not choices["dry_run"]:
            told = _teller(show, area.uri)
        with _shown_if_failed(show):
            report = area.upload_files(
                upload_paths,
                use_transfer_acceleration=not no_transfer_acceleration,
                report_progress=not (quiet or no_progress),
                told=told,
                **choices,
            )
    if not is_text(show):
        _show_report(show, report)
    elif choices["dry_run"] and not quiet:
        show.text(report.summary())
    else:
        log.logger().info(report.summary())


@upload.command("list", cls=Verb, short_help="List the files of the selected area.")
@click.option("-l", "--long", is_flag=True, help="Show size, content type, URL and checksums of each.")
@text_options
def list_(long: bool, show: Show) -> None:
    """List the files of the selected area, a name a line, in the order of their names.

    A name that would not stand on one line, or begins with a quote, is written as a JSON string.

    \b
    hca upload list
    hca upload list --long --output table
    """
    with selected_area() as area:
        found = area.list(detail=long)
        if is_text(show):
            from hca_upload import texts

            write_lines(show, (texts.described(file) if long else texts.name(file["name"]) for file in found))
        else:
            show(found, columns=[] if long else ["name", "size", "last_modified"])


@upload.command(cls=Verb, short_help="List the upload areas that you use.")
@text_options
def areas(show: Show) -> None:
    """List the upload areas that you have selected at some time, a UUID a line.

    The service has no list of areas. In Python an area is a hca.upload.UploadArea.
    """
    config = settings()
    current = config.current_area
    rows = [
        {"uuid": uuid, "uri": area.get("uri"), "alias": config.alias(uuid), "selected": uuid == current}
        for uuid, area in sorted(config.areas.items())
    ]
    text = [f"{row['uuid']} <- selected" if row["selected"] else str(row["uuid"]) for row in rows]
    write(show, text, rows, columns=("uuid", "uri", "alias", "selected"))


@upload.command(cls=Verb, short_help="Forget an upload area that you use.")
@click.argument("uuid_or_alias")
@text_options
def forget(uuid_or_alias: str, show: Show) -> None:
    """Forget an upload area; the area itself stays as it is.

    UUID_OR_ALIAS is the UUID of the area or the beginning of it. If it is the selected one, none is selected then.
    """
    config = settings()
    uuid = config.find(uuid_or_alias)
    config.forget_area(uuid)
    write(show, [f"Forgetting about area {uuid}."], {"uuid": uuid})


@upload.command(cls=Verb, short_help="Show AWS credentials for an upload area.")
@click.argument("uuid_or_alias")
@text_options
def creds(uuid_or_alias: str, show: Show) -> None:
    """Show AWS credentials that may write to an upload area for an hour, as variables of a shell.

    Who has them may write there. UUID_OR_ALIAS is the UUID of an area that you use, or the beginning of it.

    \b
    set -a; eval "$(hca upload creds UUID)"; set +a
    aws s3 cp reads.fastq.gz s3://BUCKET/UUID/ --content-type 'application/gzip; dcp-type=data'
    """
    import shlex

    config = settings()
    with area_at(config.area_uri(config.find(uuid_or_alias))) as area:
        given = area.get_credentials()
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    variables = {name.upper(): given[name] for name in names}
    text = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    write(show, text, {**variables, "expiry_time": given["expiry_time"]})


@upload.command(cls=Verb, short_help="Show the state of a file.")
@click.argument("filename")
@_area_options
@text_options
def status(filename: str, env: str | None, uuid: str | None, show: Show) -> None:
    """Show how far the service is with a file: its checksums, and after these its validation."""
    with area_at(settings().resolve(uuid, env)) as area:
        from hca_upload import states, texts

        state = states.of_file(area, filename)
    place = f"{area.deployment_stage}/{area.uuid}"
    text = f"File: {texts.name(filename)} in UploadArea: {place} is currently {state}"
    write(show, [text], {"name": filename, "upload_area": area.uuid, "stage": area.deployment_stage, "status": state})


@upload.command(cls=Verb, short_help="Write a report of the states of all files.")
@_area_options
@click.option("--output_file_name", metavar="NAME", help="Write to NAME.txt.  [default: UUID of the area]")
@text_options
def report(env: str | None, uuid: str | None, output_file_name: str | None, show: Show) -> None:
    """Write how many files of an area are in which state to a text file."""
    from hca_core import files as written

    with area_at(settings().resolve(uuid, env)) as area:
        from hca_upload import states

        found = states.of_area(area)
    path = f"{(output_file_name or area.uuid).removesuffix('.txt')}.txt"
    if os.path.isdir(path):
        raise click.UsageError(f"{path} is a directory.", click.get_current_context())
    written.write_atomic(path, states.report(found).encode(), mode=0o666)
    place = f"{area.deployment_stage}/{area.uuid}"
    write(show, [f"File status report for {place} generated, located {path}"], {**found, "path": path})


@upload.command(cls=Verb, short_help="Compare files with those of the selected area.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=LOCAL_PATH)
@click.option("--file-extension", metavar="EXT", help="Take only files that end so; for directories only.")
@click.option("--flatten", is_flag=True, help="Leave the directories out of the names.")
@click.option("--jobs", type=click.IntRange(1, 256), help="Files to read side by side.")
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
@text_options
def check(paths: tuple[str, ...], no_progress: bool, show: Show, **choices: Any) -> int:
    """Compare files of this machine with those of the selected area, by their sizes and checksums.

    A line tells of each file that differs, is missing in the area, changed while it was read, or can't be compared
    (unknown); then the exit status is 6. The formats of --output have all files: those that are the same, too, and what
    is in the area only (extra).

    
    hca upload check reads/
    hca upload check reads/ --output jsonl --query "[?status == 'extra'].name"
    """
    from collections import Counter

    from hca_core import log
    from hca_upload import texts

    found: Counter[str] = Counter()

    def counted(rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            found[row.status] += 1
            yield row

    with selected_area() as area:
        rows = counted(area.check(paths, report_progress=not no_progress, **choices))
        if is_text(show):
            write_lines(show, (texts.compared(row) for row in rows if row.status not in ("same", "extra")))
        else:
            show({"name": row.name, "status": row.status, "size": row.size, "detail": row.detail} for row in rows)
    sys.stdout.flush()  # what is in the lines comes before what is said of them
    log.logger().info(texts.comparison(found))
    return ExitStatus.DONE if found.keys() <= {"same", "extra"} else ExitStatus.INTEGRITY


def settings() -> UploadConfig:
    """Return the command line's configuration of upload areas."""
    from hca_upload.config import UploadConfig

    return UploadConfig(Hca.current().config)


def selected_area() -> AbstractContextManager[UploadArea]:
    """Give the area that is selected. Raises AreaChoiceError if none is."""
    return area_at(settings().area_uri())


@contextmanager
def area_at(uri: UploadAreaURI) -> Iterator[UploadArea]:
    """Give the area at an address, with the command line's configuration; its connections are closed in the end."""
    from hca_upload.area import UploadArea
    from hca_upload.client import UploadService

    service = UploadService(uri.deployment_stage, config=Hca.current().config)
    try:
        yield UploadArea(uri, service)
    finally:
        service.close()


def is_text(show: Show) -> bool:
    """Tell whether neither a format nor a query was asked for: then the published texts are written."""
    return not (show.chosen or show.query)


def write(show: Show, text: Iterable[str], document: Any, columns: Sequence[str] = ()) -> None:
    """Write the lines of `text`; if a format or a query was asked for, the `document` that says the same."""
    if is_text(show):
        write_lines(show, text)
    else:
        show(document, columns)


def write_lines(show: Show, text: Iterable[str]) -> None:
    """Write lines, each when it comes; a progress bar makes room for them."""
    from hca_core import progress

    for line in text:
        with progress.aside():
            show.text(line)


def _teller(show: Show, uri: UploadAreaURI) -> Callable[[Outcome], None]:
    """Return what tells of each file that it is in the area, when it is."""
    from hca_upload import texts

    def told(outcome: Outcome) -> None:
        if outcome.error is None:
            write_lines(show, [texts.uploaded(outcome, uri)])
            sys.stdout.flush()

    return told


def _show_report(show: Show, report: Report) -> None:
    """Write the report of an upload; formats of rows get a row for each file."""
    document = report.document()
    if show.query or show.format in ("json", "yaml"):
        show(document)
    else:
        show(document["files"], ("name", "source", "size", "status", "error"))


@contextmanager
def _shown_if_failed(show: Show) -> Iterator[None]:
    """Write the report of an upload that failed, in whole or in part, before its error is told."""
    from hca_upload.upload import UploadFailedError

    try:
        yield
    except UploadFailedError as error:
        if not is_text(show):
            _show_report(show, error.report)
        raise
