"""Fixtures: a headless Chromium and a provider for it. Without Chromium and its driver these tests are skipped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from neighbours import load

if TYPE_CHECKING:
    from collections.abc import Iterator

_HELPER = Path(__file__).parent.parent / "local" / "identity" / "served.py"


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a running provider."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with load(_HELPER, "served_provider").serving(tmp_path_factory.mktemp("provider") / "store.sqlite3", key) as found:
        yield found


@pytest.fixture(scope="session")
def _chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return one browser for all tests: its start takes a second."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (program and driver):
        pytest.skip("needs chromium and chromedriver on PATH")
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    profile = tmp_path_factory.mktemp("chromium")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Its own home: Chromium and fontconfig keep caches there.
    environment = {"HOME": str(profile), "PATH": str(Path(program).parent)}
    service = webdriver.ChromeService(driver, env=environment)
    chromium = webdriver.Chrome(options=options, service=service)
    yield chromium
    chromium.quit()


@pytest.fixture
def chromium(_chromium: Any, served: Any) -> Iterator[Any]:
    """Return a browser that nobody is logged in with; at the end it must not have complained about anything."""
    _chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})
    _chromium.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    _chromium.get_log("browser")
    served.clock.ahead = 0.0
    yield _chromium
    complaints = [entry["message"] for entry in _chromium.get_log("browser") if "Content Security" in entry["message"]]
    assert complaints == []
