"""What all tests share: the public test tools of `hca`, an isolated home for each test, a recording DSS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hca_core import log

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_core.testing import LoopbackService

pytest_plugins = ["hca_core.testing"]

ROOT = Path(__file__).resolve().parent.parent
DSS_API = ROOT / "plugins" / "dss" / "hca_dss" / "api.json"


@pytest.fixture(autouse=True)
def _isolated(isolated_home: Path) -> None:
    """No test sees or changes the home, the environment or the directory of who runs it."""


@pytest.fixture(autouse=True)
def _nothing_hidden() -> Iterator[None]:
    """What one test has as a secret is a word like any other in the next one."""
    yield
    log._hidden.clear()


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
