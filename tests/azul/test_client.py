"""AzulClient itself: what is taken along to another process."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.client import AzulClient
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hca_core.testing import LoopbackService


def test_it_says_whom_it_asks(service: LoopbackService, scripted: Callable[..., Any]) -> None:
    assert repr(scripted()) == f"AzulClient(url='{service.url}')"
    assert repr(scripted(catalog="old", token="secret")) == f"AzulClient(url='{service.url}', catalog='old')"
    assert service.requests == []


@pytest.mark.parametrize("filters", [5, ["organ=kidney"], b"organ=kidney", True])
def test_what_are_no_filters_is_told(service: LoopbackService, scripted: Callable[..., Any], filters: Any) -> None:
    service.on("GET", "/openapi").reply(json={})
    with pytest.raises(UsageError, match="filters must be an object"):
        scripted().count("files", filters)


def test_it_asks_the_same_elsewhere_but_takes_no_token_along(
    service: LoopbackService, scripted: Callable[..., Any]
) -> None:
    service.on("GET", "/index/summary").reply(json={"fileCount": 3})
    client = scripted(catalog="old", token="secret-token", tries=2)
    told = pickle.dumps(client)
    assert b"secret-token" not in told
    with pickle.loads(told) as again:
        assert (again.url, again.catalog, again.service.policy.tries) == (service.url, "old", 2)
        assert again.summary()["fileCount"] == 3
        assert "Authorization" not in service.requests[-1].headers
    with pickle.loads(pickle.dumps(scripted())) as again:
        assert again.catalog == "new"


def test_another_machine_asks_the_same_service(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    """Whatever is configured there: here it was a variable, or a file."""
    monkeypatch.setenv("HCA_AZUL_URL", "http://127.0.0.1:9")
    with AzulClient() as azul:
        assert azul.arguments() == {"url": "http://127.0.0.1:9"}
    with AzulClient(catalog="old") as azul:
        assert azul.arguments() == {"url": "http://127.0.0.1:9", "catalog": "old"}
