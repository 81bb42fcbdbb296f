"""A recording authorization service for the tests of its client, and a user who is logged in there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService, Request

AUTH_API = Path(__file__).resolve().parents[2] / "plugins" / "auth" / "hca_auth" / "api.json"


@pytest.fixture(scope="session")
def auth_description() -> dict[str, object]:
    """The packaged description of the authorization service."""
    document: dict[str, object] = json.loads(AUTH_API.read_text())
    return document


@pytest.fixture
def auth(
    service: LoopbackService, auth_description: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> LoopbackService:
    """A loopback service that describes itself as the authorization service; the user has a token for it."""
    monkeypatch.setenv("HCA_AUTH_URL", service.describe(auth_description, at="/swagger.json"))
    monkeypatch.setenv("HCA_TOKEN", "T")
    return service


@pytest.fixture
def asked(auth: LoopbackService) -> Callable[[], list[Request]]:
    """A function that returns what came so far, but for questions for the description."""
    return lambda: [one for one in auth.requests if one.path != "/swagger.json"]


@pytest.fixture
def anything(auth: LoopbackService, asked: Callable[[], list[Request]]) -> Callable[[], list[Request]]:
    """The service answers whatever it is asked; a function that returns what that was."""
    auth.on("*", "/*").reply(json={"results": []})
    return asked
