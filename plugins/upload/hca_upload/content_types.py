"""What kind of file it is: a media type by its first bytes, else by its name, and the DCP's parameter behind it."""

from __future__ import annotations

import mimetypes
import os
import re
from functools import cache

from hca_core.errors import UsageError

HEAD = 1024  # bytes from the beginning of a file that are enough to tell what it is

_UNKNOWN = "application/octet-stream"
_UNKNOWN_OBJECT = "application/data"  # of an object in S3, whose first bytes nobody reads (service contract §11)
_ZIP = "application/zip"
_GZIP = "application/gzip"
_HDF5 = "application/x-hdf5"
_TIFF = "image/tiff"

# The formats of this field, by what is where in them. puremagic knows many more, but neither HDF5 nor BigTIFF, and
# takes any archive of NumPy for a document of Word.
_MAGICS = (
    (0, b"\x1f\x8b", _GZIP),  # and so BAM, BGZF, RDS
    (0, b"\x89HDF\r\n\x1a\n", _HDF5),  # h5ad, loom, NetCDF 4
    (512, b"\x89HDF\r\n\x1a\n", _HDF5),  # behind a block of somebody's own, as MATLAB writes it
    (0, b"PK\x03\x04", _ZIP),
    (0, b"PK\x05\x06", _ZIP),  # an empty one
    (0, b"II*\0", _TIFF),  # OME-TIFF, SVS
    (0, b"MM\0*", _TIFF),
    (0, b"II+\0", _TIFF),
    (0, b"MM\0+", _TIFF),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"%PDF-", "application/pdf"),
    (4, b"1AY&SY", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (257, b"ustar", "application/x-tar"),
    (0, b"PAR1\x15", "application/vnd.apache.parquet"),
    (0, b"CDF\x01", "application/x-netcdf"),
    (0, b"CDF\x02", "application/x-netcdf"),
    (0, b"FCS2.0", "application/vnd.isac.fcs"),
    (0, b"FCS3.", "application/vnd.isac.fcs"),
)
_LEAST_MAGIC = 4  # bytes: shorter ones are in too many files by chance
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+_-]+")

# Python's own tables only: what a machine has in /etc/mime.types must not change an area.
_TYPES = mimetypes.MimeTypes()
for _suffix, _type in {
    ".ipynb": "application/json",
    ".vcf": "text/plain",  # variants; not the visiting card that others mean
    ".h5ad": _HDF5,
    ".hdf5": _HDF5,
    ".loom": _HDF5,
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}.items():
    _TYPES.add_type(_type, _suffix)
_IN_ZIP = "application/vnd.openxmlformats-officedocument."
_ENCODED = {
    "gzip": _GZIP,
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "compress": "application/x-compress",
    "br": "application/x-brotli",
}
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 - what RFC 9110 calls a token
_DCP_TYPE = re.compile(rf"{_TOKEN}(/{_TOKEN})?")


def of_file(name: str, head: bytes, dcp_type: str = "data") -> str:
    """Return the content type of a file with this name that begins with `head`. Raises UsageError as `parameter`."""
    return f"{sniffed(name, head)}; {parameter(dcp_type)}"


def of_object(key: str, dcp_type: str = "data") -> str:
    """Return the content type of an object in S3, by its key alone. Raises UsageError as `parameter`."""
    return f"{_by_name(key) or _UNKNOWN_OBJECT}; {parameter(dcp_type)}"


def parameter(dcp_type: str) -> str:
    """Return the parameter of content types that says what the DCP has a file for, as `dcp-type=data`.

    Parameters: `dcp_type` is a word, or two with a slash between them, as `metadata/file`.
    Raises UsageError for anything else: it goes into a header.
    """
    if not _DCP_TYPE.fullmatch(dcp_type):
        raise UsageError(f"{dcp_type!r} can't be a dcp-type", hint="data is the usual one")
    return f'dcp-type="{dcp_type}"' if "/" in dcp_type else f"dcp-type={dcp_type}"


def sniffed(name: str, head: bytes) -> str:
    """Return the media type of a file with this name that begins with `head`, of which `HEAD` bytes are enough."""
    by_name, head = _by_name(name), head[:HEAD]
    found = next((kind for offset, magic, kind in _MAGICS if head.startswith(magic, offset)), None)
    if found == _ZIP and by_name and by_name.startswith(_IN_ZIP):
        return by_name
    # What texts begin with are words: "BM" is no more a bitmap there than "ID3" is music.
    if found is None and _NOT_TEXT.search(head):
        found = _rare(head)
    return found or by_name or _UNKNOWN


def _by_name(name: str) -> str | None:
    # The name alone: a URL is what Python's function takes, and cuts at ":" and ";".
    guessed, encoding = _TYPES.guess_type(f"x{os.path.splitext(name)[1]}")
    return _ENCODED.get(encoding, guessed) if encoding else guessed


def _rare(head: bytes) -> str | None:
    """Return the media type of what is rare in this field, None if there is no good sign of one."""
    signs = [
        (magic, kind)
        for offset, by_beginning in _rare_magics().items()
        for magic, kind in by_beginning.get(head[offset : offset + _LEAST_MAGIC], ())
        if head.startswith(magic, offset)
    ]
    return max(signs, key=lambda sign: len(sign[0]))[1] if signs else None


@cache
def _rare_magics() -> dict[int, dict[bytes, list[tuple[bytes, str]]]]:
    """Return what puremagic knows: by its place in a file, then by its first bytes, each magic and its media type.

    Its own functions go through the whole table for each file (0.4 ms), and believe magics of two bytes.
    """
    import puremagic  # here: it takes 14 ms, and most files do not need it

    table: dict[int, dict[bytes, list[tuple[bytes, str]]]] = {}
    for row in puremagic.magic_header_array:
        magic, kind = row.byte_match, row.mime_type
        if len(magic) >= _LEAST_MAGIC and row.offset < HEAD and _MEDIA_TYPE.fullmatch(kind) and kind != _UNKNOWN:
            table.setdefault(row.offset, {}).setdefault(magic[:_LEAST_MAGIC], []).append((magic, kind))
    return table
