"""What takes a while to make and is the same for all tests of a run: made once, for all of its processes."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from hca_core import locking

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PATIENCE = 100.0  # seconds; whoever makes it is done long before


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder `name` of this run, which `make` has made at the path that it is given.

    Of the processes of pytest-xdist the first one makes it while the others wait. Nobody may change what is there.
    """
    base = factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, unfinished = base / name, base / f"{name}.unfinished"
    with locking.held(f"{folder}.lock", _PATIENCE):
        if not folder.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory of `hca local` with the sample dataset that nobody serves, to be copied with `copy_store`."""
    return once(tmp_path_factory, "sample-store", _make_sample_store)


def _make_sample_store(root: Path) -> None:
    from hca_local import data_directory

    directory = data_directory.DataDirectory(root)
    data_directory.make(directory)
    data_directory.create_store(directory, sample=True, lasting=False)


def copy_store(store: Path, data: Path) -> None:
    """Copy a data directory to `data`. Blobs never change, so second links to them do."""
    shutil.copytree(store, data, copy_function=_copy)


def _copy(source: str, target: str) -> None:
    if "/blobs/" in source:
        os.link(source, target)
    else:
        shutil.copy(source, target)
