"""What tests of logins share: tokens that say what they are told to, and an identity provider that renews them."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from hca_core.credentials import entries
from hca_core.credentials.entries import Entry
from hca_core.credentials.values import DEFAULT_PROFILE, Need
from hca_core.testing import reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from hca_core.testing import LoopbackService, Request

URL = "https://weather.example.org/v1/swagger.json"


def unsigned(**claims: Any) -> str:
    """Return a token with `claims` whose signature is none; who only reads it can't tell."""
    parts = ({"alg": "none"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts) + ".c2ln"


@pytest.fixture
def jwt() -> Callable[..., str]:
    """Return a function that makes a token out of claims."""
    return unsigned


@pytest.fixture
def need() -> Need:
    """Return what a client of a service at URL needs."""
    return Need("weather", URL)


class Provider:
    """An identity provider that renews: each refresh token is good for one renewal, which is counted."""

    def __init__(self, service: LoopbackService) -> None:
        self.url = f"{service.url}/token"
        self.forms: list[dict[str, str]] = []
        self.good = "refresh-0-secret"
        self.lifetime = 3600
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        service.on("POST", "/token").reply(self._answer)

    def _answer(self, request: Request) -> Any:
        with self._lock:
            form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
            self.forms.append(form)
            if form.get("grant_type") != "refresh_token" or form.get("refresh_token") != self.good:
                return reply(status=400, json={"error": "invalid_grant", "error_description": "used before"})
            number = next(self._numbers)
            self.good = f"refresh-{number}-secret"
            token = unsigned(email="ann@example.org", number=number, exp=time.time() + self.lifetime)
            return {"access_token": token, "refresh_token": self.good, "expires_in": self.lifetime}

    def entry(self, **values: Any) -> Entry:
        """Return a login of this provider that has run out."""
        settings = {
            "access_token": unsigned(email="ann@example.org", number=0, exp=time.time() - 10),
            "refresh_token": self.good,
            "expires_at": time.time() - 10,
            "token_endpoint": self.url,
            "client_id": "hca",
            **values,
        }
        return Entry(**settings)


@pytest.fixture
def provider(service: LoopbackService) -> Provider:
    """Return an identity provider on loopback."""
    return Provider(service)


@pytest.fixture
def kept() -> Callable[..., Entry | None]:
    """Return a function that reads what is kept for URL."""
    return lambda url=URL, profile=DEFAULT_PROFILE: entries.find(entries.path(), url, profile)
