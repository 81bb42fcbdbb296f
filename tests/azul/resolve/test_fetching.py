"""From the address of a file to a signed URL: what the service may answer on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.errors import AzulError, AzulNotFoundError, AzulUnavailableError
from hca_azul.resolve import fetching
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService

UUID = "2cfd3a55-f1d9-5f4e-a0f6-8a0b4ba5e8c1"
PATH = f"/fetch/repository/files/{UUID}"
READY = {"Status": 302, "Location": "https://storage.example.org/x%3Ay?X-Goog-Signature=1"}


def address(service: LoopbackService) -> str:
    return f"{service.url}/repository/files/{UUID}?catalog=new&version=v"


def test_the_way_may_have_stations(service: LoopbackService, scripted: Callable[..., Any]) -> None:
    later = {"Status": 301, "Location": f"{service.url}{PATH}?token=2", "Retry-After": 0.001}
    service.on("GET", PATH).reply(json=later).reply(json=later | {"Retry-After": None}).reply(json=READY)
    azul = scripted().service
    assert fetching.signed(azul, address(service)).url == READY["Location"]
    asked = service.asked("GET", PATH)
    assert [one.query for one in asked] == [[("catalog", "new"), ("version", "v")], [("token", "2")], [("token", "2")]]
    assert fetching.signed(azul, address(service)).url == READY["Location"]
    assert len(service.asked("GET", PATH)) == 3
    fetching.signed(azul, address(service), anew=True)
    assert len(service.asked("GET", PATH)) == 4


def test_a_location_of_the_redirecting_route_is_not_followed_to_the_bytes(
    service: LoopbackService, scripted: Callable[..., Any]
) -> None:
    later = {"Status": 301, "Location": address(service), "Retry-After": 0.001}
    service.on("GET", PATH).reply(json=later).reply(json=READY)
    fetching.signed(scripted().service, address(service))
    assert not service.asked("GET", f"/repository/files/{UUID}")


@pytest.mark.parametrize(
    "answer",
    [
        {"Status": 302},
        {"Status": 302, "Location": 5},
        {"Status": 200, "Location": "https://x/"},
        ["no"],
        {"Status": 301, "Location": "https://elsewhere.example.org/fetch/repository/files/x", "Retry-After": 0},
        {"Status": 301, "Location": "http://[bad", "Retry-After": 0},
    ],
)
def test_answers_that_lead_nowhere(service: LoopbackService, scripted: Callable[..., Any], answer: Any) -> None:
    service.on("GET", PATH).reply(json=answer)
    with pytest.raises(AzulError):
        fetching.signed(scripted().service, address(service))


def test_it_leads_to_no_other_path_of_the_service(service: LoopbackService, scripted: Callable[..., Any]) -> None:
    service.on("GET", PATH).reply(json={"Status": 301, "Location": f"{service.url}/manifest/files/x"})
    with pytest.raises(AzulError, match="is no file"):
        fetching.signed(scripted().service, address(service))
    with pytest.raises(AzulError, match="not its own"):
        fetching.signed(scripted().service, f"https://elsewhere.example.org/repository/files/{UUID}")


def test_storage_that_is_not_encrypted_is_refused(service: LoopbackService, scripted: Callable[..., Any]) -> None:
    service.on("GET", PATH).reply(json={"Status": 302, "Location": "http://storage.example.org/x"})
    with pytest.raises(UsageError, match="not https"):
        fetching.signed(scripted().service, address(service))


@pytest.mark.parametrize("wait", [0, 3600, float("nan"), -1, True])
def test_it_does_not_go_on_for_ever(service: LoopbackService, scripted: Callable[..., Any], wait: float) -> None:
    patience = 0.1 if wait is True else 60
    service.on("GET", PATH).reply(json={"Status": 301, "Location": f"{service.url}{PATH}", "Retry-After": wait})
    with pytest.raises(AzulUnavailableError, match="does not get ready"):
        fetching.signed(scripted(patience=patience).service, address(service))
    if wait == 0:
        assert len(service.asked("GET", PATH)) < 40


def test_what_is_not_there(service: LoopbackService, scripted: Callable[..., Any]) -> None:
    service.on("GET", PATH).fail(404, json={"Code": "NotFoundError", "Message": "no such file"})
    with pytest.raises(AzulNotFoundError, match="no such file"):
        fetching.signed(scripted().service, address(service))
