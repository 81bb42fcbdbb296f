"""The files of a service as a read-only file system of fsspec: what is the same for every plugin.

A plugin derives a class from `ServiceFileSystem`, and names it under the entry point `fsspec.specs`; then pandas, dask,
pyarrow, anndata and all others that know fsspec open its files by URI. Needs the extra `hca-core[fsspec]`.
"""

from __future__ import annotations

from hca_core.filesystem.errors import (
    AccessRefusedError,
    FileMissingError,
    IsFolderError,
    NoSignedURLError,
    ReadOnlyError,
)
from hca_core.filesystem.system import ServiceFileSystem
from hca_core.filesystem.tokens import GivenBearer
from hca_core.filesystem.values import Container, RemoteFile

__all__ = [
    "AccessRefusedError",
    "Container",
    "FileMissingError",
    "GivenBearer",
    "IsFolderError",
    "NoSignedURLError",
    "ReadOnlyError",
    "RemoteFile",
    "ServiceFileSystem",
]
