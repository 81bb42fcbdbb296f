"""What the sample dataset consists of, before it is in a store."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

CREATOR = 8008


@dataclass(frozen=True)
class SampleFile:
    """One version of a file with its content."""

    uuid: str
    version: str
    content_type: str
    content: bytes

    @property
    def indexed(self) -> bool:
        """Whether bundles list it as searchable: metadata documents are."""
        return self.content_type.startswith("application/json")


@dataclass(frozen=True)
class SampleBundle:
    """One version of a bundle: file names with their files, in manifest order."""

    uuid: str
    version: str
    files: tuple[tuple[str, SampleFile], ...]


@dataclass(frozen=True)
class SampleTombstone:
    """A deleted bundle, or one deleted version of it."""

    uuid: str
    version: str | None
    reason: str


@dataclass(frozen=True)
class Dataset:
    """Everything that a new store is filled with."""

    bundles: tuple[SampleBundle, ...]
    tombstones: tuple[SampleTombstone, ...]

    def files(self) -> list[SampleFile]:
        """Return every file version once, in the order of its first bundle."""
        return list({(file.uuid, file.version): file for bundle in self.bundles for _, file in bundle.files}.values())

    def digest(self) -> str:
        """Return one sha256 over all identities, names, content types and bytes."""
        lines: list[str] = []
        for bundle in self.bundles:
            lines.append(f"bundle {bundle.uuid} {bundle.version}")
            lines += [f"{name}\t{_line(file)}" for name, file in bundle.files]
        lines += [f"dead {stone.uuid} {stone.version} {stone.reason}" for stone in self.tombstones]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _line(file: SampleFile) -> str:
    return f"{file.uuid} {file.version} {file.content_type} {hashlib.sha256(file.content).hexdigest()}"


def metadata_file(uuid: str, version: str, entity: str, document: dict[str, Any]) -> SampleFile:
    """Return a metadata file of the kind `entity` (biomaterial, file, process, protocol, project, links)."""
    content = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=True, separators=(",", ": "))
    return SampleFile(uuid, version, f'application/json; dcp-type="metadata/{entity}"', content.encode())


def data_file(uuid: str, version: str, media_type: str, content: bytes) -> SampleFile:
    """Return a data file."""
    return SampleFile(uuid, version, f"{media_type}; dcp-type=data", content)
