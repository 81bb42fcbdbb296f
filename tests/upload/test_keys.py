"""The credentials of an area: renewed in time, used on while the service can't renew them, renewed when refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from hca_core.errors import NetworkError
from hca_upload import keys
from hca_upload.errors import UploadException
from hca_upload.keys import AreaKeys

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Takes the place of the module `time`, and goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(keys, "time", made)
    return made


class Service:
    """Gives credentials that last `lifetime` seconds, with the numbers 1, 2, ...; or raises `error`."""

    def __init__(self, clock: Clock, lifetime: float) -> None:
        self.clock, self.lifetime = clock, lifetime
        self.asked = 0
        self.error: Exception | None = None

    def __call__(self) -> dict[str, Any]:
        self.asked += 1
        if self.error:
            raise self.error
        end = datetime.fromtimestamp(self.clock.time() + self.lifetime, UTC)
        return {
            "AccessKeyId": str(self.asked),
            "SecretAccessKey": f"a secret {self.asked}",
            "SessionToken": f"a token {self.asked}",
            "Expiration": end.isoformat().replace("+00:00", "Z"),
        }


@pytest.fixture
def made(clock: Clock) -> Callable[[float], tuple[AreaKeys, Service]]:
    def make(lifetime: float = 3600) -> tuple[AreaKeys, Service]:
        service = Service(clock, lifetime)
        return AreaKeys(service), service

    return make


@pytest.mark.parametrize(("lifetime", "used"), [(3600, 2700), (900, 675), (8, 6)])
def test_they_are_renewed_before_they_end(made: Any, clock: Clock, lifetime: float, used: float) -> None:
    found, service = made(lifetime)
    assert service.asked == 0
    first = found.get_frozen_credentials()
    assert (first.access_key, first.secret_key, first.token) == ("1", "a secret 1", "a token 1")
    clock.now += used - 1
    assert found.get_frozen_credentials() == first
    clock.now += 1
    assert found.get_frozen_credentials().access_key == "2"
    assert service.asked == 2


def test_the_old_ones_are_used_on_while_there_are_no_new_ones(made: Any, clock: Clock) -> None:
    found, service = made()
    found.get_frozen_credentials()
    clock.now += 2700
    service.error = NetworkError("the service is gone")
    for _ in range(3):
        assert found.get_frozen_credentials().access_key == "1"
    assert service.asked == 2  # it is not asked again at once
    clock.now += 31
    assert found.get_frozen_credentials().access_key == "1"
    assert service.asked == 3
    clock.now += 900
    with pytest.raises(NetworkError):
        found.get_frozen_credentials()
    service.error = None
    assert found.get_frozen_credentials().access_key == "5"


def test_refused_ones_are_renewed_once_for_all_who_had_them(made: Any) -> None:
    found, service = made()
    found.get_frozen_credentials()
    assert found.another("1")
    assert found.another("1")
    assert service.asked == 2
    service.error = NetworkError("the service is gone")
    with pytest.raises(NetworkError):
        found.another("2")


def test_the_same_ones_again_are_no_others(made: Any) -> None:
    found, service = made()
    found.get_frozen_credentials()
    service.asked = 0
    assert not found.another("1")


def test_a_clock_that_is_ahead_does_not_ask_at_every_request(made: Any, clock: Clock) -> None:
    found, service = made(-100)
    found.get_frozen_credentials()
    found.get_frozen_credentials()
    assert service.asked == 1


@pytest.mark.parametrize("end", ["garbage", None, "99999-01-01T00:00:00Z", ""])
def test_credentials_that_end_at_no_time_are_refused(end: str | None) -> None:
    told = {"AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": end}
    with pytest.raises(UploadException, match="which is no time"):
        AreaKeys(lambda: told).get_frozen_credentials()
