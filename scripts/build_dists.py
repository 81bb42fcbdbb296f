"""Builds the wheels and source distributions of all packages: `python scripts/build_dists.py [FOLDER]` (default: dist).

The same sources give the same bytes, wherever and whenever they are built: hatchling sets all times to one date, or to
that of SOURCE_DATE_EPOCH. Needs hatchling, as nothing is fetched.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parent.parent
KINDS = ("wheel", "sdist")


def projects(root: Path = ROOT) -> list[Path]:
    """Return the folder of each distribution below `root`: core, plugins, and last the one that needs them all."""
    return [root, *sorted(file.parent for file in root.glob("plugins/*/pyproject.toml")), root / "meta"]


def build(folders: Sequence[Path], *, into: Path, kinds: Sequence[str] = KINDS) -> list[Path]:
    """Build the distributions of `folders` into the folder `into` and return the files, in the order of `folders`.

    `kinds` is what to make of each: `wheel`, `sdist` or both.
    """
    from hatchling import build as backend

    into = into.resolve()
    into.mkdir(parents=True, exist_ok=True)
    files = []
    for folder in folders:
        with contextlib.chdir(folder):  # the backend works on the current directory (PEP 517)
            for kind in kinds:
                files.append(into / getattr(backend, f"build_{kind}")(os.fspath(into)))
    return files


def main() -> None:
    """Build everything and tell the names of the files."""
    into = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist")
    for file in build(projects(), into=into):
        sys.stdout.write(f"{file}\n")


if __name__ == "__main__":
    main()
