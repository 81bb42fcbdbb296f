"""The curl manifest: a configuration file for curl that downloads every file (contract §7)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from hca_local.azul import links
from hca_local.azul.manifests.paths import sanitized
from hca_local.azul.manifests.rows import rows

if TYPE_CHECKING:
    from typing import BinaryIO

    from hca_local.azul.manifests.rows import Row, Selection

_OPTIONS = (
    "--create-dirs", "--compressed", "--location", "--globoff", "--fail",
    '--write-out "Downloading to: %{filename_effective}\\n\\n"',
)  # fmt: skip
_OPTIONS_NOW = (*_OPTIONS, "--http1.1", "--fail-early", "--continue-at -", "--retry 15", "--retry-delay 10")


def write(selection: Selection, file: BinaryIO) -> None:
    """Write the manifest of `selection` to `file`. Raises PathError for a name that is no path."""
    for option in _OPTIONS if selection.is_old else _OPTIONS_NOW:
        file.write(f"{option}\n\n".encode())
    for row in rows(selection.files):
        file.write(_entry(row, selection).encode())


def _entry(row: Row, selection: Selection) -> str:
    """Return the lines of a file, or the remark that it can't be had."""
    item = row.item
    url = links.azul_url(item, selection.catalog, selection.base)
    if url is None:
        return (
            f"# File {item.uuid!r}, version {item.version!r} is currently not available "
            f"in catalog {selection.catalog!r}.\n\n"
        )
    if item is not row.file:
        # The index does not know it, so the URL says where it is.
        more = {"requestIndex": "1", "fileName": item.name, "drsUri": links.drs_uri(item, selection.base)}
        url += f"&{urlencode(more)}"
    bundle = max(row.file.bundles, key=lambda one: (one.version, one.uuid))
    return f'url="{_escaped(url)}"\noutput="{_escaped(f"{bundle.uuid}/{sanitized(item.name)}")}"\n\n'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
