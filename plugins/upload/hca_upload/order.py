"""What somebody asks for who uploads files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Order:
    """Which files are to be sent, under which names, and how.

    `paths` are files and directories of this machine, and s3:// URLs. `target_filename` renames the only file,
    `file_extension` limits directories, `flatten` leaves directories out of names. `sync` skips what is in the area
    already, `dry_run` sends nothing. `accelerate` sends to the nearest edge of S3. `jobs` is how many files are sent
    side by side (None: as many as are good), `bar` draws a progress bar.
    """

    paths: tuple[str, ...]
    dcp_type: str = "data"
    target_filename: str | None = None
    file_extension: str | None = None
    flatten: bool = False
    sync: bool = False
    dry_run: bool = False
    accelerate: bool = True
    jobs: int | None = None
    bar: bool = False
