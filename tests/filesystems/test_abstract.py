"""fsspec's own tests of file systems, as far as they only read."""

from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.tests.abstract import AbstractFixtures, AbstractGetTests

MAKERS = {
    "fs_bulk_operations_scenario_0": "_bulk_operations_scenario_0",
    "fs_glob_edge_cases_files": "_glob_edge_cases_files",
    "fs_dir_and_file_with_same_name_prefix": "_dir_and_file_with_same_name_prefix",
    "fs_10_files_with_hashed_names": "_10_files_with_hashed_names",
}


def scenario(maker):
    """Return a fixture for a tree that fsspec makes on the disk, and we make a bundle of."""

    @pytest.fixture
    def source(self, deployment, tmp_path, local_join):
        if maker not in deployment.trees:  # which nobody can write to
            folder = tmp_path / "model"
            getattr(self, maker)(LocalFileSystem(auto_mkdir=True), local_join, str(folder))
            files = [one for one in folder.rglob("*") if one.is_file()]
            contents = {one.relative_to(folder).as_posix(): one.read_bytes() for one in files}
            deployment.trees[maker] = f"{deployment.bundle(contents)}/source"
        return deployment.trees[maker]

    return source


class TestGet(AbstractFixtures, AbstractGetTests):
    """Files of a bundle, copied in all the ways that fsspec knows."""

    fs_bulk_operations_scenario_0, fs_glob_edge_cases_files, fs_dir_and_file_with_same_name_prefix, \
        fs_10_files_with_hashed_names = map(scenario, MAKERS.values())  # fmt: skip

    @pytest.fixture
    def fs(self, deployment):
        return fsspec.filesystem("dss")

    @pytest.fixture
    def fs_path(self):
        return ""

    @pytest.fixture
    def local_path(self, tmp_path):
        (tmp_path / "local").mkdir()
        return Path(tmp_path / "local").as_posix()

    def test_get_directory_recursive(self, fs, fs_bulk_operations_scenario_0, local_fs, local_target):
        """As in fsspec, but that one writes first."""
        for place in ("", "/source"):  # the second time there is a directory, so the source goes into it
            fs.get(fs_bulk_operations_scenario_0, local_target, recursive=True)
            assert local_fs.isfile(f"{local_target}{place}/subdir/nesteddir/nestedfile")
            assert local_fs.exists(f"{local_target}/source") == bool(place)
