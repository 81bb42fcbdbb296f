"""`hca azul`: the group, and what all of its verbs share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import click

from hca_core.context import Hca
from hca_core.lazy import PluginGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hca_azul.client import AzulClient

_META_KEY = "hca_azul.choice"
_ENTITIES = "hca_azul.search.entities.cli"
_SEARCH = "hca_azul.search.cli"


class Choice(NamedTuple):
    """Which service and which catalog were given on the command line."""

    url: str | None = None
    catalog: str | None = None


@click.group(
    cls=PluginGroup,
    entry_points="hca.commands.azul",
    own={
        "cite": ("hca_azul.citing.cli:cite", "Tell how projects are cited."),
        "create-manifest": ("hca_azul.manifest.cli:create_manifest", "List files with all that is known of them."),
        "download": ("hca_azul.download.cli:download", "Download files, verified and resumable."),
        "download-matrices": ("hca_azul.matrices.cli:download_matrices", "Download the matrices of projects."),
        "get-bundles": (f"{_ENTITIES}:get_bundles", "List bundles."),
        "get-catalogs": (f"{_SEARCH}:get_catalogs", "List the catalogs, which are releases of the data."),
        "get-entities": (f"{_ENTITIES}:get_entities", "List entities of any type that the catalog has."),
        "get-entity": (f"{_ENTITIES}:get_entity", "Show one entity of any type."),
        "get-facets": (f"{_SEARCH}:get_facets", "Count the values of fields."),
        "get-fields": (f"{_SEARCH}:get_fields", "List the fields that filters can name."),
        "get-file": (f"{_ENTITIES}:get_file", "Show files by UUID or sha256, and where their bytes are."),
        "get-files": (f"{_ENTITIES}:get_files", "List files."),
        "get-health": ("hca_azul.diagnostics.cli:get_health", "Show whether the service is well."),
        "get-matrices": ("hca_azul.matrices.cli:get_matrices", "List the matrices of projects."),
        "get-project": (f"{_ENTITIES}:get_project", "Show one project."),
        "get-projects": (f"{_ENTITIES}:get_projects", "List projects."),
        "get-samples": (f"{_ENTITIES}:get_samples", "List samples."),
        "get-sources": ("hca_azul.diagnostics.cli:get_sources", "List the sources that you may read."),
        "get-summary": (f"{_SEARCH}:get_summary", "Count files, bytes, projects, donors."),
        "get-version": ("hca_azul.diagnostics.cli:get_version", "Show which version the service runs."),
        "help": ("hca_core.verbs.help:help_command", "Show this help, or that of a verb."),
        "lock": ("hca_azul.lock.cli:lock", "Pin a data set in a lock file, or check one."),
        "login": ("hca_azul.account.cli:login", "Keep an access token, for managed data."),
        "logout": ("hca_azul.account.cli:logout", "Forget the access token."),
        "resolve": ("hca_azul.resolve.cli:resolve", "Turn identifiers of files into URLs that work."),
        "samplesheet": ("hca_azul.samplesheet.cli:samplesheet", "Write a sample sheet for a pipeline."),
        "verify": ("hca_azul.lock.cli:verify", "Check what was downloaded, without a request."),
        "whoami": ("hca_azul.account.cli:whoami", "Show whose token is used, and whether it works."),
    },
)
@click.option("--service-url", metavar="URL", help="The service.  [default: HCA_AZUL_URL, or the configured one]")
@click.option("-c", "--catalog", metavar="NAME", help="The catalog.  [default: the service's default]")
@click.pass_context
def azul(ctx: click.Context, service_url: str | None, catalog: str | None) -> None:
    """Find and download today's data of the Human Cell Atlas.

    \b
    hca azul get-summary -f organ=kidney
    hca azul get-files -f organ=kidney -f fileFormat=fastq.gz --output table
    hca azul download -f organ=kidney -f fileFormat=fastq.gz --download-dir data
    """
    ctx.meta[_META_KEY] = Choice(service_url, catalog)


def place_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--catalog` and `--service-url` to a verb, so that they may also be typed behind it."""

    def note(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            ctx.meta[_META_KEY] = chosen(ctx)._replace(
                **{"url" if parameter.name == "service_url" else "catalog": value}
            )

    for declaration, metavar, text in (
        (("--service-url",), "URL", "The service.  [default: HCA_AZUL_URL, or the configured one]"),
        (("-c", "--catalog"), "NAME", "The catalog.  [default: the service's default]"),
    ):
        option = click.option(*declaration, metavar=metavar, help=text, expose_value=False, callback=note)
        function = option(function)
    return function


def chosen(ctx: click.Context | None = None) -> Choice:
    """Return what was given of service and catalog on the command line."""
    choice: Choice = (ctx or click.get_current_context()).meta.get(_META_KEY, Choice())
    return choice


@contextmanager
def client() -> Iterator[AzulClient]:
    """Give a client of the service that was chosen on the command line; its connections are closed in the end."""
    from hca_azul.client import AzulClient

    choice = chosen()
    with AzulClient(url=choice.url, catalog=choice.catalog, config=Hca.current().config) as made:
        yield made
