"""Row: one file as manifests, hits of the index and lock files tell of it, whatever they call the parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hca_azul.manifest.cells import Cells

Bundle = tuple[str, str]  # UUID and version
NO_CELLS = Cells((), {}, frozenset())


class Row(NamedTuple):
    """One file. A tuple, because there may be a million of them.

    `size` in bytes, `sha256` and `crc32c` in lower-case hex; "" and None mean that it is not told. `mirror_uri` is the
    `s3://` URI of its copy in the open-data mirror, `azul_url` the service's own address, `drs_uri` that of its
    repository; "" where there is none. `bundles` has pairs only if the pairing is known (contract §7: a row with
    several bundles does not tell which version is whose; `bundle_uuids` has all). `document_id` is the id of the
    metadata entity, by which the index knows the file. `extra` has the other cells by column, each as a tuple.
    """

    uuid: str
    version: str = ""
    name: str = ""
    size: int | None = None
    sha256: str = ""
    crc32c: str = ""
    content_type: str = ""
    format: str = ""
    read_index: str = ""
    drs_uri: str = ""
    azul_url: str = ""
    mirror_uri: str = ""
    document_id: str = ""
    file_type: str = ""
    bundles: tuple[Bundle, ...] = ()
    bundle_uuids: tuple[str, ...] = ()
    project_id: str = ""
    project: str = ""
    extra: Mapping[str, tuple[str, ...]] = NO_CELLS

    @property
    def identity(self) -> str:
        """What tells the file from all others: UUID and version, else its content, where it is, its name."""
        if self.uuid:
            return f"{self.uuid}.{self.version}"
        return self.sha256 or self.mirror_uri or self.drs_uri or self.azul_url or self.name

    @property
    def is_somewhere(self) -> bool:
        """Whether something tells where its bytes are; the mirror may have what is known by its digest only."""
        return bool(self.mirror_uri or self.azul_url or self.drs_uri or (self.sha256 and not self.uuid))
