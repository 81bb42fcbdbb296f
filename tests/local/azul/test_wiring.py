"""The Azul stand-in as a part of `hca local`: its port, its settings, what clients are told, its lines in the log."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from hca_core.credentials import entries
from hca_core.credentials.values import DEFAULT_PROFILE
from hca_core.errors import HCAError
from hca_local import control, launch, settings, shell

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests

    from hca_local.launch import Launched


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launched]:
    """Return a deployment that these tests ask little of."""
    with launch.private(tmp_path_factory.mktemp("wiring") / "data", empty=True, azul_mode="old") as launched:
        yield launched


def test_it_is_made_when_it_is_asked_for_data(served: Launched, http: requests.Session) -> None:
    url = control.running(served.directory).azul_url
    page = http.get(f"{url}/", timeout=60)
    assert "stand-in" in page.text
    assert "invented" in page.text
    assert http.get(f"{url}/version", timeout=60).json()["changes"][0]["title"].startswith("A stand-in")
    assert not (served.directory.azul / "content").exists(), "a deployment that nobody asks must not be slower"
    assert http.get(f"{url}/index/catalogs", timeout=60).status_code == 200
    assert (served.directory.azul / "content").is_dir()


def test_what_clients_are_told(served: Launched) -> None:
    found = control.running(served.directory)
    told = shell.variables(served.directory, found)
    assert told["HCA_AZUL_URL"] == found.azul_url
    assert told["HCA_AZUL_MIRROR_URL"] == found.azul_url.replace("127.0.0.1", "localhost") + "/mirror"
    assert told["HCA_AZUL_TOKEN"] is None, "the user's own token is for the hosted service"
    kept = entries.read(str(served.directory.credentials), DEFAULT_PROFILE)
    assert kept[found.azul_url].access_token == kept[found.url].access_token
    assert not any("localhost" in url for url in kept), "no token for the mirror"


def test_settings_are_kept_and_checked(served: Launched, tmp_path: Path) -> None:
    kept = json.loads(served.directory.settings.read_bytes())
    assert (kept["azul_mode"], kept["azul_polls"], kept["azul_wait"]) == ("old", 1, 0)
    assert control.running(served.directory).azul_url == f"http://127.0.0.1:{kept['azul_port']}"
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({**kept, "azul_mode": "newest"}))
    with pytest.raises(HCAError, match=r"'azul_mode' in .* is not one of new, old"):
        settings.load(path)


@pytest.mark.parametrize("keys", ["", "/fast", "/basic", "/cached", "/queues,progress"])
def test_health(served: Launched, http: requests.Session, keys: str) -> None:
    url = control.running(served.directory).azul_url
    answer = http.get(f"{url}/health{keys}", timeout=60)
    assert (answer.status_code, answer.json()["up"]) == (200, True)
    if "," in keys:
        assert answer.json().keys() == {"up", "queues", "progress"}
    bad = http.get(f"{url}/health/queues,nonsense", timeout=60)
    assert (bad.status_code, bad.json()["Message"]) == (400, "Invalid health keys")
    assert http.get(f"{url}/health/cached?catalog=dcp45", timeout=60).status_code == 404


def test_the_description_tells_what_the_mode_has(served: Launched, http: requests.Session) -> None:
    found = http.get(f"{control.running(served.directory).azul_url}/openapi", timeout=60).json()
    assert found["openapi"] == "3.0.1"
    assert "stand-in" in found["info"]["description"]
    parameters = {one["name"]: one for one in found["paths"]["/manifest/files"]["put"]["parameters"]}
    assert parameters["catalog"]["schema"]["default"] == "dcp46"
    assert {"compact", "curl", "terra.bdbag"} <= set(parameters["format"]["schema"]["enum"])
    assert parameters["format"]["schema"]["default"] == "compact"
    filters = parameters["filters"]["content"]["application/json"]["schema"]["properties"]
    assert "sha256" not in filters
    assert [[*one["properties"]] for one in filters["fileSize"]["oneOf"]] == [["is"], ["within"]]
    assert filters["pairedEnd"]["properties"]["is"]["items"] == {"type": "boolean", "nullable": True}
    assert filters["accessions"]["properties"]["is"]["maxItems"] == 1


def test_keys_of_manifests_are_not_in_the_log(served: Launched, http: requests.Session) -> None:
    url = control.running(served.directory).azul_url
    for path in ("/manifest/files/0123456789abcdef", "/fetch/manifest/files/0123456789abcdef"):
        http.get(url + path, timeout=60)
    log = served.directory.log.read_text()
    assert "0123456789abcdef" not in log
    assert re.search(r"GET /fetch/manifest/files/0123\.\.\. 400", log)
    assert "Traceback" not in log


def test_other_names_are_not_answered(served: Launched, http: requests.Session) -> None:
    url = control.running(served.directory).azul_url
    for headers in ({"Host": "evil.example.org"}, {"Origin": "https://evil.example.org"}):
        assert http.get(f"{url}/index/catalogs", headers=headers, timeout=60).status_code == 403
    found = http.get(f"{url}/index/files?size=1", headers={"Host": "localhost:5"}, timeout=60).json()
    assert found["pagination"]["next"].startswith("http://localhost:5/index/files?")
