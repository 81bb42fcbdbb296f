"""What a multipart form has brought: values and files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hca_local.shock.arriving import Arrived

# What has no file name, and what has one; numbers too are names of files: those of parts.
FIELDS = frozenset({
    "action", "all", "archive_format", "attributes_str", "clear_revisions", "copy_attributes", "copy_data",
    "copy_indexes", "compression", "delete", "download_url", "expiration", "file_name", "file_lock", "file_unlock",
    "format", "ids", "index_name", "linkage", "operation", "owner", "parent_index", "parent_node", "parts", "path",
    "preserve_acls", "priority", "read", "remove_expiration", "source", "tags", "type", "unpack_node", "upload_url",
    "users", "write", "checksum-md5",
})  # fmt: skip
FILES = frozenset({"attributes", "subset_indices", "upload", "gzip", "bzip2"})


@dataclass
class Form:
    """The values and the files of a form, by their names there."""

    values: dict[str, str] = field(default_factory=dict)
    files: dict[str, Arrived] = field(default_factory=dict)

    def get(self, name: str) -> str | None:
        """Return the value of a field, None if it is not there."""
        return self.values.get(name)

    def names(self, name: str) -> list[str]:
        """Return the names that the value of a field lists between commas."""
        return [one for one in self.values.get(name, "").split(",") if one]

    @property
    def part_files(self) -> dict[int, Arrived]:
        """The files whose names are numbers."""
        return {int(name): file for name, file in self.files.items() if name not in FILES}

    def close(self) -> None:
        """Remove the files that were not kept."""
        for file in self.files.values():
            file.close()
