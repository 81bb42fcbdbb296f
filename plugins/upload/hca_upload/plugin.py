"""The pluggy plugin of the Upload Service: names its parts, imports none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hca_core import hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.config import HCAConfig
    from hca_core.doctor import Check


@hookimpl
def hca_commands() -> dict[str, str]:
    return {"upload": "hca_upload.cli:upload"}


@hookimpl
def hca_clients() -> dict[str, str]:
    return {"upload": "hca_upload.client:UploadService"}


@hookimpl
def hca_config_defaults() -> dict[str, dict[str, object]]:
    # The section and these keys are published: old configurations have them.
    return {
        "upload": {
            "bucket_name_template": "org-humancellatlas-upload-{deployment_stage}",
            "production_api_url": "https://upload.data.humancellatlas.org/v1",
            "preprod_api_url_template": "https://upload.{deployment_stage}.data.humancellatlas.org/v1",
        }
    }


@hookimpl
def hca_checks(config: HCAConfig, timeout: float | None) -> Iterator[Check]:
    from hca_upload.checks import checks

    return checks(config, timeout)
