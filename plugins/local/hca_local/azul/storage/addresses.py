"""The signed URLs of files and manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from hca_local.azul.storage import hosts
from hca_local.azul.storage.service import FILES, MANIFESTS
from hca_local.azul.storage.signing import AMAZON, GOOGLE, StorageSigner

if TYPE_CHECKING:
    from hca_local.azul.atlas.values import File, Related
    from hca_local.azul.azul import Azul

# Seconds. A deployment whose URLs live shorter (`--url-lifetime`) signs for less.
FILE_LIFETIME = 900
MANIFEST_LIFETIME = 3600


def of_file(azul: Azul, base: str, file: File | Related, name: str) -> str:
    """Return the signed URL of the bytes of `file`, to be saved as `name`.

    Parameters: `base` is the address that the client asked the service at.
    """
    seconds = min(FILE_LIFETIME, azul.settings.url_lifetime)
    # The name is in the path for whoever reads the URL; the digest is what counts.
    path = f"/{FILES}/{file.sha256}/{file.name}"
    return StorageSigner(azul.signing_key).url(hosts.beside(base), path, GOOGLE, seconds, file_name=quote(name))


def of_manifest(azul: Azul, base: str, object_name: str, name: str) -> str:
    """Return the signed URL of the manifest in the object `object_name`, to be saved as `name`."""
    seconds = min(MANIFEST_LIFETIME, azul.settings.url_lifetime)
    path = f"/{MANIFESTS}/{object_name}"
    # Azul quotes the names of manifests, and encodes nothing; they have blanks.
    return StorageSigner(azul.signing_key).url(hosts.beside(base), path, AMAZON, seconds, file_name=f'"{name}"')
