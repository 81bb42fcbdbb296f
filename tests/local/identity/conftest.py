"""Fixtures: a provider of the test's own, and browsers that only know HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from neighbours import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


helper = load(Path(__file__).with_name("served.py"), "served_provider")


@pytest.fixture(scope="session")
def issuer_key() -> Any:
    """Return a key for all providers of the tests: making one takes a while."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def served(tmp_path: Path, issuer_key: Any) -> Iterator[Any]:
    """Return a running provider. Its clock stands still: tests put it forward to a second before an end."""
    with helper.serving(tmp_path / "store.sqlite3", issuer_key) as found:
        found.clock.stop()
        yield found


@pytest.fixture
def serving(tmp_path: Path, issuer_key: Any) -> Callable[..., Any]:
    """Return a function that serves a provider with another directory of users."""
    return lambda *arguments: helper.serving(tmp_path / "store.sqlite3", issuer_key, *arguments)


@pytest.fixture
def browser(served: Any) -> Any:
    """Return a browser that nobody is logged in with."""
    return helper.Browser(served)
