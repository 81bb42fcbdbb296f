"""A service and a storage of two origins, with scripts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from neighbours import load

from hca_core.testing import LoopbackService

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hca_azul.client import AzulClient

scripted = load(Path(__file__).with_name("scripted.py"), "azul_scripted")


@pytest.fixture
def storage() -> Iterator[Any]:
    with LoopbackService() as made:
        yield made


@pytest.fixture
def azul(service: LoopbackService) -> Iterator[AzulClient]:
    with scripted.quick(service.url) as made:
        yield made
