"""What all tests share: the public test tools of `hca`, an isolated home for each test, a recording DSS."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hca_core import log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.testing import LoopbackService

pytest_plugins = ["hca_core.testing", "stores", "installing"]

ROOT = Path(__file__).resolve().parent.parent
# Few tests, many seconds: they come first, then files with many tests, so that the processes of a run end together. The
# order of pytest-xdist knows numbers of tests only, and would begin with these at the end (--no-loadscope-reorder).
SLOW = (
    *("docs/test_examples.py", "upload/test_faults.py", "local/services/test_life.py", "packages/test_upgrade.py"),
    *("test_install.py", "e2e/test_upload.py", "browser/test_logins.py", "transfer/test_kills.py"),
    *("core/test_scaffold.py", "local/test_cli.py", "packages/test_wheels.py", "local/upload/test_switches.py"),
    *("local/search/test_random.py", "e2e/test_areas_real_s3.py", "docs/test_site.py", "local/shock/test_wiring.py"),
    *(
        "e2e/test_published_restricted_cli.py",
        "dss/test_upload_processes.py",
        "local/test_store.py",
        "local/test_run.py",
    ),
)
DSS_API = ROOT / "plugins" / "dss" / "hca_dss" / "api.json"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slow files first, then those with many tests. The order within a file stays."""
    number = Counter(item.path for item in items)
    place = {ROOT / "tests" / name: place for place, name in enumerate(SLOW)}
    items.sort(key=lambda item: (place.get(item.path, len(SLOW)), -number[item.path], str(item.path)))


@pytest.fixture(autouse=True)
def _isolated(isolated_home: Path) -> None:
    """No test sees or changes the home, the environment or the directory of who runs it."""


@pytest.fixture(autouse=True)
def _nothing_hidden() -> Iterator[None]:
    """What one test has as a secret is a word like any other in the next one."""
    yield
    log._hidden.clear()


@pytest.fixture(scope="session", autouse=True)
def _service_models_read_once() -> Iterator[None]:
    """Each session of boto3 reads megabytes of JSON and hundreds of folders, which are what they were before."""
    from botocore.loaders import JSONFileLoader, Loader

    read, listed = JSONFileLoader.load_file, Loader.list_available_services
    models: dict[str, Any] = {}
    names: dict[tuple[str, ...], list[str]] = {}

    def load_file(self: JSONFileLoader, file_path: str) -> Any:
        if file_path not in models:
            models[file_path] = read(self, file_path)
        return models[file_path]

    def list_available_services(self: Loader, type_name: str) -> list[str]:
        places = (type_name, *self.search_paths)
        if places not in names:
            names[places] = listed(self, type_name)
        return names[places]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", load_file)
        patch.setattr(Loader, "list_available_services", list_available_services)
        yield


@pytest.fixture(scope="session")
def dss_description() -> dict[str, object]:
    """The packaged description of the DSS."""
    document: dict[str, object] = json.loads(DSS_API.read_text())
    return document


@pytest.fixture
def dss(
    service: LoopbackService, dss_description: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> LoopbackService:
    """A loopback service that describes itself as a DSS; `HCA_DSS_URL` names it. All else is to be scripted."""
    monkeypatch.setenv("HCA_DSS_URL", service.describe(dss_description))
    return service


@pytest.fixture
def other_disk(tmp_path):
    """A directory on another file system than that of `tmp_path`."""
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(tmp_path).st_dev:
        pytest.skip("there is no second file system")
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)
