"""One request to the upload service, and what all that handle one need."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hca_local.upload import areas, errors, records
from hca_local.upload.buckets.values import RefusedError, UnusableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from sqlite3 import Connection
    from typing import ParamSpec, TypeVar

    from hca_local.server.deployment import Deployment
    from hca_local.upload.buckets.values import Held
    from hca_local.upload.uploads import Uploads

    P = ParamSpec("P")
    T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """A request about the area `area`; `name` is that of a file or of a job, empty where the route has none."""

    deployment: Deployment
    area: str
    name: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def uploads(self) -> Uploads:
        """The service."""
        return self.deployment.uploads

    @property
    def records(self) -> Connection:
        """Where areas and files are read."""
        return self.deployment.records

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Make a change, whole or not at all, and return its result."""
        return await self.deployment.writer.run(work)

    async def on_buckets(self, function: Callable[P, T], *arguments: P.args, **settings: P.kwargs) -> T:
        """Run a `function` of the buckets beside the event loop and return its result.

        Raises UploadError: 400 if S3 refuses the object, 503 if it can't be used.
        """
        try:
            return await self.uploads.in_thread(function, *arguments, **settings)
        except RefusedError as error:
            raise errors.bad_request(str(error)) from error
        except UnusableError as error:
            raise errors.unusable(str(error)) from error

    def require_area(self) -> None:
        """Raise UploadError (404) unless the area is there."""
        if not areas.is_extant(self.records, self.area):
            raise errors.no_area()

    async def held(self, name: str) -> Held:
        """Return the object of a file. Raises UploadError (404)."""
        found = None
        if records.may_be(self.area, name):
            found = await self.on_buckets(self.uploads.buckets.find, records.key_of(self.area, name))
        if found is None:
            raise errors.no_file()
        return found

    def document(self) -> Any:
        """Return what the body says. Raises UploadError (400)."""
        try:
            found = json.loads(self.body)
            # Half a character can be written in JSON (\ud800), but not be stored or sent.
            json.dumps(found, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            raise errors.bad_request(f"The body is not valid JSON: {error}") from error
        return found

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object that the body is. Raises UploadError (400)."""
        found = self.document()
        if not isinstance(found, dict):
            raise errors.bad_request("The body is not a JSON object.")
        return found


def names(value: Any) -> list[str]:
    """Return a list of file names that a client has sent. Raises UploadError (400)."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise errors.bad_request("The names of the files are not a JSON array of texts.")
    return value
