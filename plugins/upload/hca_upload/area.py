"""UploadArea: one upload area in Python."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any

from hca_upload.client import UploadService
from hca_upload.errors import AreaChoiceError
from hca_upload.order import Order
from hca_upload.uri import UploadAreaURI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hca_upload.api import ApiClient
    from hca_upload.checking import Row
    from hca_upload.config import UploadConfig
    from hca_upload.upload import Outcome, Report

    StrPath = str | os.PathLike[str]


class UploadArea:
    """The upload area at an address; nothing is asked of the service to make one.

        area = UploadArea("s3://org-humancellatlas-upload-staging/<uuid>/")
        names = [file["name"] for file in area.list()]

    `upload_service` is that of the area's stage; one is made if None. Raises AreaChoiceError for an address that is
    none, or a service of another stage (its Api-Key is not for this area).
    """

    def __init__(self, uri: UploadAreaURI | str, upload_service: UploadService | None = None) -> None:
        self.uri = UploadAreaURI(str(uri))
        self.upload_service = upload_service or UploadService(self.deployment_stage)
        if self.upload_service.deployment_stage != self.deployment_stage:
            raise AreaChoiceError(
                f"{self.uri} is an area of the stage {self.deployment_stage}, "
                f"not of {self.upload_service.deployment_stage}"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri.uri!r})"

    @property
    def uuid(self) -> str:
        """The UUID of the area."""
        return self.uri.area_uuid

    @property
    def deployment_stage(self) -> str:
        """The deployment stage of the area, such as prod."""
        return self.uri.deployment_stage

    @property
    def key_prefix(self) -> str:
        """What the keys of the area's files begin with in S3."""
        return f"{self.uuid}/"

    @property
    def config(self) -> UploadConfig:
        """The configuration of upload areas."""
        return self.upload_service.config()

    @property
    def api(self) -> ApiClient:
        """What sends the requests."""
        return self.upload_service.api

    def exists(self) -> bool:
        """Tell whether the service has this area. Raises HCAError."""
        return self.api.area_exists(self.uuid)

    def delete(self) -> None:
        """Queue the deletion of the area and of all files in it. Raises HCAError."""
        self.api.delete_area(self.uuid)

    def get_credentials(self) -> dict[str, str]:
        """Return AWS credentials that may write to the area for about an hour.

        The keys are aws_access_key_id, aws_secret_access_key, aws_session_token and expiry_time (ISO 8601). Raises
        AreaNotWritableError if the area takes no files now, other HCAErrors.
        """
        given = self.api.credentials(self.uuid)
        return {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
            "expiry_time": given["Expiration"],
        }

    def list(self, detail: bool = False) -> Iterator[dict[str, Any]]:
        """Yield the files of the area in the order of their names, fetching them as they are needed.

        Each has name, size and last_modified; with `detail` also what the service knows of it: content_type, url,
        checksums (None until they are there), upload_area_id. Raises HCAError.
        """
        files = self._listed()
        if not detail:
            yield from files
            return
        from hca_upload.api import NAMES_A_REQUEST

        while page := list(islice(files, NAMES_A_REQUEST)):
            yield from self._detailed(page)

    def store_file(self, filename: str, file_content: bytes | str, content_type: str) -> dict[str, Any]:
        """Store a small file through the service and return what it knows of it then.

        `content_type` must have a parameter dcp-type, as in `application/json; dcp-type="metadata/sample"`. Needs the
        Api-Key. Raises HCAError.
        """
        content = file_content.encode() if isinstance(file_content, str) else file_content
        return self.api.store_file(self.uuid, filename, content, content_type)

    def upload_files(
        self,
        file_paths: Iterable[StrPath] | StrPath,
        file_size_sum: int = 0,
        dcp_type: str = "data",
        target_filename: str | None = None,
        use_transfer_acceleration: bool = True,
        report_progress: bool = False,
        sync: bool = True,
        *,
        file_extension: str | None = None,
        flatten: bool = False,
        dry_run: bool = False,
        jobs: int | None = None,
        told: Callable[[Outcome], None] | None = None,
    ) -> Report:
        """Upload files and return a report.

        Parameters:
            file_paths: files, directories (with all that is below them) and s3:// URLs.
            file_size_sum: stands for compatibility; sizes are found out.
            dcp_type: what the files are to the data coordination platform.
            target_filename: the name of the only file in the area.
            use_transfer_acceleration: send to the nearest edge of S3, where the server can do that.
            report_progress: draw a progress bar, if stderr is a terminal.
            sync: skip what is in the area already.
            file_extension: take from directories only files whose names end so.
            flatten: give files in directories their base names.
            dry_run: send nothing, only tell what would be sent.
            jobs: how many files are sent side by side.
            told: called with what became of each file, when that is known.

        Raises UsageError that tells all that is wrong with the paths before anything is sent, UploadFailedError with
        the report if files failed, other HCAErrors if nothing could be done.
        """
        from hca_upload import upload

        order = Order(
            paths=_paths(file_paths),
            dcp_type=dcp_type,
            target_filename=target_filename,
            file_extension=file_extension,
            flatten=flatten,
            sync=sync,
            dry_run=dry_run,
            accelerate=use_transfer_acceleration,
            jobs=jobs,
            bar=report_progress,
        )
        return upload.run(self, order, told) if told else upload.run(self, order)

    def check(
        self,
        file_paths: Iterable[StrPath] | StrPath,
        *,
        file_extension: str | None = None,
        flatten: bool = False,
        jobs: int | None = None,
        report_progress: bool = False,
    ) -> Iterator[Row]:
        """Compare files of this machine with those of the area, and yield what is found out on each.

        Parameters as of `upload_files`. A row has name, status (same, differs, missing, extra, changed, unknown), size
        and detail. Raises HCAError.
        """
        from hca_upload import checking

        return checking.compared(
            self, _paths(file_paths), file_extension=file_extension, flatten=flatten, jobs=jobs, bar=report_progress
        )

    def validate_files(
        self,
        file_list: Iterable[str],
        validator_image: str,
        original_validation_id: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> dict[str, str]:
        """Let the service run a Docker image on files of the area and return its `validation_id`.

        Parameters: `environment` are variables for the image, `original_validation_id` is the validation that is
        repeated. Needs the Api-Key. Raises HCAError.
        """
        made = self.api.validate_files(
            self.uuid, file_list, validator_image, original_validation_id or None, environment
        )
        return {"validation_id": made}

    def checksum_status(self, filename: str) -> dict[str, Any]:
        """Return `checksum_status` of a file, and its `checksums` (None until they are there). Raises HCAError."""
        return self.api.checksum_status(self.uuid, filename)

    def checksum_statuses(self) -> dict[str, Any]:
        """Return how many files have which state of checksums, and TOTAL_NUM_FILES. Raises HCAError."""
        return self.api.checksum_statuses(self.uuid)

    def validation_status(self, filename: str) -> dict[str, Any]:
        """Return `validation_status` of a file, and its `validation_results`. Raises HCAError."""
        return self.api.validation_status(self.uuid, filename)

    def validation_statuses(self) -> dict[str, Any]:
        """Return how many files have which state of validation. Raises HCAError."""
        return self.api.validation_statuses(self.uuid)

    def _listed(self) -> Iterator[dict[str, Any]]:
        from hca_upload import storage

        bucket = storage.opened(self)
        try:
            for one in bucket.listed(self.key_prefix):
                name = one.key.removeprefix(self.key_prefix)
                if name:  # some tools make an object for the area itself
                    yield {"name": name, "size": one.size, "last_modified": one.modified.isoformat()}
        finally:
            bucket.client.close()

    def _detailed(self, files: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """Yield files with what the service knows of them."""
        known = self.api.files_known(self.uuid, [file["name"] for file in files])
        for file, info in zip(files, known, strict=True):
            nothing = {"content_type": None, "url": f"{self.uri}{file['name']}", "checksums": None}
            yield {**file, **(nothing if info is None else info)}


def _paths(given: Iterable[StrPath] | StrPath) -> tuple[str, ...]:
    """Return paths as texts; one alone is one path, not one for each of its letters."""
    if isinstance(given, (str, bytes, os.PathLike)):
        return (os.fsdecode(given),)
    return tuple(os.fsdecode(path) for path in given)
