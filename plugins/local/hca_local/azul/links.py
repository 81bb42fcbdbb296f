"""The addresses of files that the index and the manifests give out."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from hca_local.azul.atlas.values import Mirror

if TYPE_CHECKING:
    from hca_local.azul.atlas.values import File, Related

BUCKET = "hca-local-mirror"


def azul_url(file: File | Related, catalog: str, base: str) -> str | None:
    """Return the address of `file` at the service, at `base`; None for a phantom file, which has no bytes."""
    if file.drs_id is None:
        return None
    return f"{base}/repository/files/{file.uuid}?{urlencode({'catalog': catalog, 'version': file.version})}"


def drs_uri(file: File | Related, base: str) -> str | None:
    """Return the DRS URI of `file`, whose host is that of `base`; None for a phantom file."""
    return None if file.drs_id is None else f"drs://{urlsplit(base).netloc}/{file.drs_id}"


def mirror_key(sha256: str) -> str:
    """Return the key of a file in the mirror (contract §11)."""
    return f"file/{sha256}.sha256"


def mirror_uri(file: File | Related) -> str | None:
    """Return where the mirror has `file`, or will have it one day; None if it never will."""
    return None if file.mirror is Mirror.NONE else f"s3://{BUCKET}/{mirror_key(file.sha256)}"
