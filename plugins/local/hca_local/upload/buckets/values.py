"""The bucket with the upload areas, as the upload service works with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from hca_local.store.blobs import Readable

T = TypeVar("T")
STAGE = "local"
# Clients read the stage from the name of the bucket: it is what comes behind its last "-".
NAME = f"org-humancellatlas-upload-{STAGE}"
# What the keys of every area may read besides, to copy from there: the bucket of the stage "staging", public test data,
# and the bucket of the sample. Whoever copies out of another bucket needs keys of their own for that.
SOURCES = ("org-humancellatlas-upload-staging", "hca-test-data", "org-humancellatlas-dss-cli-test")


@dataclass(frozen=True)
class Held:
    """An object in the bucket; `etag` has no quotes, `modified` is in UTC."""

    key: str
    size: int
    etag: str
    content_type: str
    modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Keys:
    """Session credentials for one area; `expires` is in seconds since 1970."""

    access_key_id: str
    secret: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: float


class ReplacedError(Exception):
    """The object is gone, or is another one by now."""


class UnusableError(Exception):
    """The S3 server can't be used; str() says why."""


class RefusedError(UnusableError):
    """The S3 server refuses what it was asked for one object, and will again; for others it can be used."""


class Buckets(Protocol):
    """The bucket with the areas, which is called `name`; the objects of an area are those below `<its uuid>/`.

    Its server `tells_of_objects` if it is the deployment's own: see S3Service.created.

    Methods block, so call them in a thread; they may be called in several at a time. All raise UnusableError.
    """

    name: str
    tells_of_objects: bool

    def prepare(self) -> None:
        """Make the bucket if it is not there."""

    def find(self, key: str) -> Held | None:
        """Return the object `key`, None if there is none."""

    def listed(self, prefix: str) -> Iterator[Held]:
        """Yield the objects below `prefix` in the order of their keys, without content type, metadata and tags."""

    def read(self, held: Held, take: Callable[[Readable], T]) -> T:
        """Return what `take` makes of the bytes of `held`. Raises ReplacedError; OSError if they can't be read."""

    def tag(self, held: Held, tags: Mapping[str, str]) -> None:
        """Give `held` these tags besides those that it has by now. Raises ReplacedError, RefusedError."""

    def put(
        self, key: str, data: bytes, content_type: str, metadata: Mapping[str, str], tags: Mapping[str, str]
    ) -> Held:
        """Write an object and return it."""

    def empty(self, prefix: str, is_over: Callable[[], bool]) -> bool:
        """Remove all objects below `prefix` and all multipart uploads begun there.

        Parameters: `is_over` is asked now and then whether to stop. Returns False if stopped before the end.
        """

    def issue(self, area: str, seconds: int) -> Keys:
        """Return new credentials for the area `area` that are good for `seconds`."""
