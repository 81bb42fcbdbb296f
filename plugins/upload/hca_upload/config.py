"""UploadConfig: the upload areas that somebody uses, which of them is selected, and where the service is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hca_core import config as configuration
from hca_core import paths, urls
from hca_core.config import ASSIGNED
from hca_core.errors import ConfigError
from hca_upload.errors import AreaChoiceError, UnknownAreaError
from hca_upload.uri import UploadAreaURI, check_stage, check_uuid, is_uuid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hca_core.config import HCAConfig

SECTION = "upload"
LOCAL = "local"  # the stage of the deployment on this machine
_SELECT = "hca upload select URI_OR_ALIAS"


class UploadConfig:
    """The section `upload` of the configuration; `config` is the one of the process if None.

    To make one reads only. Adding, selecting and forgetting areas changes the user's own file at once, and nothing in
    it but that.
    """

    def __init__(self, config: HCAConfig | None = None) -> None:
        self._config = config if config is not None else configuration.get_config()

    @property
    def hca(self) -> HCAConfig:
        """The whole configuration."""
        return self._config

    @property
    def areas(self) -> dict[str, dict[str, str]]:
        """The areas that are known, by UUID; each has its address as `uri`. Raises ConfigError."""
        known = self._config.lookup(f"{SECTION}.areas") or {}
        if not isinstance(known, dict) or not all(isinstance(area, dict) for area in known.values()):
            raise ConfigError("upload.areas does not hold areas by UUID", hint="hca config unset upload.areas")
        return known

    @property
    def current_area(self) -> str | None:
        """The UUID of the area that is selected; None if there is none."""
        return self._text("current_area")

    def area_uri(self, area_uuid: str | None = None) -> UploadAreaURI:
        """Return the address of the area with a UUID, or of the selected one.

        Raises AreaChoiceError if none is selected, UnknownAreaError, ConfigError if the address is none.
        """
        uuid = self.current_area if area_uuid is None else area_uuid
        if uuid is None:
            raise AreaChoiceError("no upload area is selected", hint=_SELECT)
        if uuid not in self.areas:
            raise UnknownAreaError(f"upload area {uuid!r} is not one of yours", hint=_SELECT)
        try:
            return UploadAreaURI(str(self.areas[uuid].get("uri")))
        except AreaChoiceError as error:
            raise ConfigError(f"upload.areas.{uuid}: {error.message}", hint=f"hca upload forget {uuid}") from error

    def find(self, alias: str) -> str:
        """Return the UUID of the one area whose UUID is `alias`, or begins with it.

        Raises UnknownAreaError if there is none, AreaChoiceError if there are several.
        """
        if alias in self.areas:
            return alias
        found = [uuid for uuid in self.areas if uuid.startswith(alias)] if alias else []
        if len(found) == 1:
            return found[0]
        if found:
            raise AreaChoiceError(
                f"{alias!r} is the beginning of {len(found)} of your upload areas", hint="give more characters of it"
            )
        raise UnknownAreaError(
            f"none of your upload areas begins with {alias!r}", hint=f"hca upload areas, or {_SELECT}"
        )

    def alias(self, uuid: str) -> str:
        """Return the shortest beginning of the known area `uuid` that is the beginning of no other one."""
        others = [other for other in self.areas if other != uuid]
        lengths = (length for length in range(1, len(uuid)) if not any(one.startswith(uuid[:length]) for one in others))
        return uuid[: next(lengths, len(uuid))]

    def resolve(self, name: str | None = None, stage: str | None = None) -> UploadAreaURI:
        """Return the address of the area that is meant by a URI, a UUID or the beginning of one.

        Parameters: without `name` the selected area is meant. `stage` is the deployment stage of the area; by default
            that of the area among the known ones, else that of the selected one.
        Raises AreaChoiceError if that does not say which one, UnknownAreaError.
        """
        if name is not None and name.startswith("s3:"):
            return _of_stage(UploadAreaURI(name), stage)
        if name is None or not is_uuid(name):
            uri = self.area_uri(None if name is None else self.find(name))
            return uri if stage is None else self.uri_of(uri.area_uuid, stage)
        if name in self.areas and stage in (None, self.area_uri(name).deployment_stage):
            return self.area_uri(name)
        if stage is None and self.current_area is None:
            raise AreaChoiceError(f"upload area {name} is not one of yours", hint="tell its stage with --env STAGE")
        return self.uri_of(name, stage or self.area_uri().deployment_stage)

    def uri_of(self, uuid: str, stage: str) -> UploadAreaURI:
        """Return the address of the area `uuid` of a deployment stage. Raises AreaChoiceError, ConfigError."""
        bucket = self._required("bucket_name_template").replace("{deployment_stage}", check_stage(stage))
        return UploadAreaURI(f"s3://{bucket}/{check_uuid(uuid)}/")

    def api_url(self, stage: str) -> str:
        """Return the URL that the paths of the service of a deployment stage begin with. Raises ConfigError."""
        if url := self._text("url"):
            return url.rstrip("/")
        if stage == "prod":
            return self._required("production_api_url").rstrip("/")
        template = self._required("preprod_api_url_template")
        if "{" not in template and urls.is_loopback(template) and stage != LOCAL:
            raise AreaChoiceError(
                f"the service at {template} has the stage {LOCAL}, not {stage}",
                hint="'hca config list --show-origin' tells who set upload.preprod_api_url_template",
            )
        return template.replace("{deployment_stage}", check_stage(stage)).rstrip("/")

    def api_key(self, stage: str) -> str | None:
        """Return the Api-Key of a deployment stage, None if none is configured. Raises ConfigError.

        The service at `upload.url` may be anybody's: it gets `upload.api_key`, and none that is for a stage.
        """
        return self._text("api_key" if self._text("url") else f"api_keys.{check_stage(stage)}")

    @property
    def s3_endpoint_url(self) -> str | None:
        """The URL of the S3 server that has the areas; None for what the AWS tools use. Raises ConfigError."""
        return self._text("s3_endpoint_url")

    def add_area(self, uri: UploadAreaURI) -> None:
        """Keep an area; one that is known gets this address. Raises ConfigError."""
        self._change({f"areas.{uri.area_uuid}": {"uri": uri.uri}})

    def select_area(self, area_uuid: str) -> None:
        """Select a known area. Raises UnknownAreaError, ConfigError."""
        self.area_uri(area_uuid)
        self._change({"current_area": area_uuid})

    def forget_area(self, area_uuid: str) -> None:
        """Forget an area; if it is the selected one, none is selected then. Raises UnknownAreaError, ConfigError."""
        if area_uuid not in self.areas:
            raise UnknownAreaError(f"upload area {area_uuid!r} is not one of yours", hint="hca upload areas")
        selected = {"current_area": None} if self.current_area == area_uuid else {}
        self._change({f"areas.{area_uuid}": None, **selected})

    def save(self) -> None:
        """Write what was assigned to the configuration otherwise. Raises ConfigError."""
        self._config.save()

    def _text(self, key: str) -> str | None:
        value = self._config.lookup(f"{SECTION}.{key}")
        if value is not None and not isinstance(value, str):
            raise ConfigError(
                f"{SECTION}.{key} is {value!r}, but must be a text", hint=f"hca config set {SECTION}.{key}"
            )
        return value or None

    def _required(self, key: str) -> str:
        value = self._text(key)
        if value is None:
            raise ConfigError(f"{SECTION}.{key} is not configured", hint=f"hca config unset {SECTION}.{key}")
        return value

    def _change(self, changes: Mapping[str, Any]) -> None:
        """Set values by their keys (None: take them out) in the user's own file and in this configuration.

        Not by HCAConfig.save(): a command line's own settings, such as its profile, are not to be kept.
        """
        for key, value in changes.items():
            self._check_is_ours(key, removed=value is None)
        configuration.change_user_file(lambda data: _put(data, changes))
        for key, value in changes.items():
            if value is None:
                self._config.remove(f"{SECTION}.{key}")
            else:
                self._config.assign(f"{SECTION}.{key}", value)

    def _check_is_ours(self, key: str, *, removed: bool) -> None:
        """Raise ConfigError if another file than the user's own has the last word on `key`."""
        leaf = f"{key}.uri" if isinstance(self._config.lookup(f"{SECTION}.{key}"), dict) else key
        origin = self._config.origin(f"{SECTION}.{leaf}")
        ours = {ASSIGNED, "packaged defaults", os.path.realpath(paths.config_file())}
        ours |= set() if removed else {paths.site_config_file()}
        if origin is not None and not {origin, os.path.realpath(origin)} & ours:
            raise ConfigError(f"{SECTION}.{leaf} is set in {origin}, which hca does not change", hint="change it there")


def _of_stage(uri: UploadAreaURI, stage: str | None) -> UploadAreaURI:
    if stage not in (None, uri.deployment_stage):
        raise AreaChoiceError(f"{uri} is an area of the stage {uri.deployment_stage}, not {stage}")
    return uri


def _put(data: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for key, value in changes.items():
        inner = data
        *folders, name = (SECTION, *key.split("."))
        for folder in folders:
            if not isinstance(inner.get(folder), dict):
                inner[folder] = {}
            inner = inner[folder]
        if value is None:
            inner.pop(name, None)
        else:
            inner[name] = value
