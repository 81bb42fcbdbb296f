"""A bundle as the service lists it, checked: nothing of it can be written outside its directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hca_core import names, output
from hca_core.errors import HCAError, several
from hca_dss.files import IDENTIFIER, DSSFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hca_dss.client import DSSClient


@dataclass(frozen=True)
class Bundle:
    """A bundle as the service listed it, checked: its files, and its manifest as bytes."""

    uuid: str
    version: str
    files: tuple[DSSFile, ...]
    manifest: bytes

    @property
    def fqid(self) -> str:
        """Fully qualified identifier: `<uuid>.<version>`."""
        return f"{self.uuid}.{self.version}"


def read(client: DSSClient, uuid: str, version: str, replica: str) -> Bundle:
    """Return a bundle, its latest version if `version` is empty. Raises HCAError if it can't be laid out safely."""
    document = output.merged(client.pages("get_bundle", uuid=uuid, version=version or None, replica=replica))
    bundle = document.get("bundle") if isinstance(document, dict) else None
    if not isinstance(bundle, dict):
        raise HCAError(f"the service's answer for bundle {uuid} has no 'bundle' in it")
    told = str(bundle.get("uuid")), str(bundle.get("version"))
    wanted = (uuid.lower(), version or told[1])
    if (told[0].lower(), told[1]) != wanted or not all(IDENTIFIER.fullmatch(part) for part in told):
        raise HCAError(
            f"asked for bundle {uuid} version {version or 'latest'}, but the service answered {'.'.join(told)}"
        )
    listed, problems = [], []
    for entry in bundle["files"]:
        try:
            listed.append(DSSFile.from_dss_bundle_response(entry, replica))
        except ValueError as error:
            problems.append(str(error))
    file_names = [file.name for file in listed]
    problems += [
        f"file name {name!r} is there twice, at least but for its case" for name in names.case_clashes(file_names)
    ]
    problems += [f"file name {name!r} is that of a directory, too" for name in _also_directories(file_names)]
    problems += _of_two_sizes(listed)
    if problems:
        raise HCAError(several(problems, f"bundle {uuid} can't be laid out on disk, and nothing of it was written"))
    text = json.dumps(document, indent=4, sort_keys=True).encode()
    return Bundle(uuid.lower(), told[1], tuple(listed), text)


def _of_two_sizes(listed: Sequence[DSSFile]) -> list[str]:
    """Return what is wrong with files that have one sha256, but not one size."""
    first: dict[str, DSSFile] = {}
    return [
        f"files {other.name!r} and {file.name!r} have one sha256, but {other.size} and {file.size} bytes"
        for file in listed
        if (other := first.setdefault(file.sha256, file)).size != file.size
    ]


def _also_directories(file_names: Sequence[str]) -> list[str]:
    """Return the names that another one has a file below, as `a` for `a/b`."""
    directories = {name[:position].casefold() for name in file_names for position, one in enumerate(name) if one == "/"}
    return sorted({name for name in file_names if name.casefold() in directories})
