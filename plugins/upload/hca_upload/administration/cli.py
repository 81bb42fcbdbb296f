"""`hca upload create`, `delete`, `exists` and `validate`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from hca_core.commands import JsonType, Verb
from hca_core.errors import ExitStatus
from hca_upload.cli import area_at, selected_area, settings, text_options, write

if TYPE_CHECKING:
    from hca_core.output import Show

_env_option = click.option("--env", metavar="STAGE", help="Deployment stage of the area.  [default: as told above]")


@click.command(cls=Verb)
@click.argument("uuid")
@click.option("--env", metavar="STAGE", help="Deployment stage.  [default: that of the selected area, else prod]")
@text_options
def create(uuid: str, env: str | None, show: Show) -> None:
    """Make an upload area with a UUID of your choice, and show its address. Needs the Api-Key of the stage.

    \b
    hca config set upload.api_keys.staging KEY
    hca upload create "$(uuidgen)" --env staging
    """
    from hca_upload.client import UploadService

    config = settings()
    stage = env or (config.area_uri().deployment_stage if config.current_area else "prod")
    service = UploadService(stage, config=config.hca)
    try:
        made = service.create_area(uuid)
    finally:
        service.close()
    write(show, [made.uri.uri], {"uuid": made.uuid, "uri": made.uri.uri})


@click.command(cls=Verb)
@click.argument("area_name", metavar="UUID_OR_URI")
@_env_option
@text_options
def delete(area_name: str, env: str | None, show: Show) -> None:
    """Delete an upload area and all files in it, without a question. Needs the Api-Key of the stage.

    UUID_OR_URI is the address of the area, or its UUID (of an area that you use: the beginning is enough). The stage is
    by default that of the area if you use it, else that of the selected one.
    """
    with area_at(settings().resolve(area_name, env)) as area:
        area.delete()
    text = f"Upload area {area.uuid} and all its files will be deleted by the service."
    write(show, [text], {"uuid": area.uuid, "uri": area.uri.uri, "state": "queued for deletion"})


@click.command(cls=Verb)
@click.argument("area_name", metavar="[UUID_OR_URI]", required=False)
@_env_option
@text_options
def exists(area_name: str | None, env: str | None, show: Show) -> int:
    """Tell whether the service has an upload area: true, or false and the exit status 4.

    UUID_OR_URI is the address of the area, or its UUID (of an area that you use: the beginning is enough); without it
    the selected area is meant. The stage is by default that of the area if you use it, else that of the selected one.

    \b
    hca upload exists s3://org-humancellatlas-upload-staging/UUID/
    """
    with area_at(settings().resolve(area_name, env)) as area:
        found = area.exists()
    write(show, [json.dumps(found)], {"uuid": area.uuid, "uri": area.uri.uri, "exists": found})
    return ExitStatus.DONE if found else ExitStatus.NOT_FOUND


@click.command(cls=Verb)
@click.argument("filenames", nargs=-1, required=True, metavar="FILENAME...")
@click.option("--image", required=True, help="Docker image of the validator.")
@click.option("--environment", type=JsonType(), metavar="JSON", help='Variables for it, as in \'{"LEVEL": "1"}\'.')
@click.option("--original-validation-id", metavar="ID", help="The validation that this one repeats.")
@text_options
def validate(
    filenames: tuple[str, ...],
    image: str,
    environment: dict[str, str] | None,
    original_validation_id: str | None,
    show: Show,
) -> None:
    """Let the service run a validator on files of the selected area, and show the id of that validation.

    Needs the Api-Key of the stage. The state is shown by hca upload status.
    """
    with selected_area() as area:
        made = area.validate_files(filenames, image, original_validation_id, environment)
    write(show, [made["validation_id"]], made)
