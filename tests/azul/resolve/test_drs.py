"""DRS: both forms of URIs, all ways to the bytes, and who is told a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hca_azul.errors import AzulError
from hca_azul.resolve import compact, drs
from hca_core.config import HCAConfig
from hca_core.errors import LoginError, NetworkError, NotFoundError, ServiceError, UsageError
from hca_core.testing import LoopbackService

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OBJECT = "/ga4gh/drs/v1/objects/v1_a_b"
SIGNED = "https://storage.example.org/x%3Ay?X-Goog-Signature=1"
# What the repository of the Human Cell Atlas has: both on one way (contract §9).
TDR = {"type": "gs", "access_url": {"url": "gs://bucket/x"}, "access_id": "gcp-us"}


@pytest.fixture
def other() -> Iterator[LoopbackService]:
    """A repository at another origin than the service."""
    with LoopbackService() as made:
        yield made


@pytest.fixture
def azul(scripted: Callable[..., Any]) -> Any:
    """The service of a client that nobody is logged in with."""
    return scripted().service


def uri(other: LoopbackService) -> str:
    return f"drs://{other.url.removeprefix('http://')}/v1_a_b"


def settings(**values: str) -> HCAConfig:
    config = HCAConfig()
    for name, value in values.items():
        config.assign(f"azul.{name}", value)
    return config


def test_the_way_by_an_access_id_goes_before_an_address_that_needs_a_login(other: LoopbackService, azul: Any) -> None:
    checksums = [{"type": "sha-256", "checksum": "AB" * 32}, {"type": "md5", "checksum": "cd" * 16}, {"type": 5}, 5]
    document = {"access_methods": [TDR], "size": 12, "checksums": [*checksums, {"type": "md5", "checksum": "../"}]}
    other.on("GET", OBJECT).reply(json=document)
    other.on("GET", f"{OBJECT}/access/gcp-us").reply(
        json={"url": SIGNED, "headers": {"X-Key": "k", "Range": "bytes=0-"}}
    )
    found = drs.address(azul, uri(other))
    assert found.url == SIGNED
    assert found.headers == {"X-Key": "k"}
    assert found.is_good
    told = drs.described(azul, uri(other))
    assert (told.size, told.checksums) == (12, {"sha256": "ab" * 32, "md5": "cd" * 16})
    drs.address(azul, uri(other))
    assert len(other.asked("GET", f"{OBJECT}/access/gcp-us")) == 1


@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        ({"type": "https", "access_url": {"url": "https://x.org/a"}}, "https://x.org/a", {}),
        (
            {
                "type": "https",
                "access_url": {"url": "https://x.org/a", "headers": ["Authorization: Basic eA==", "bad"]},
            },
            "https://x.org/a",
            {"Authorization": "Basic eA=="},
        ),
        ({"type": "gs", "access_url": {"url": "gs://b/a+%#.gz"}}, "https://storage.googleapis.com/b/a%2B%25%23.gz", {}),
        ({"type": "s3", "access_url": {"url": "s3://b/x"}}, "https://s3.amazonaws.com/b/x", {}),
    ],
)
def test_an_address_serves_where_there_is_no_id(
    other: LoopbackService, azul: Any, method: Any, url: str, headers: dict[str, str]
) -> None:
    other.on("GET", OBJECT).reply(json={"access_methods": [method]})
    found = drs.address(azul, uri(other))
    assert (found.url, found.headers) == (url, headers)


@pytest.mark.parametrize(
    "methods",
    [
        None,
        [],
        "x",
        [5],
        [{"access_url": 5}],
        [{"access_url": {"url": "ftp://x/"}}],
        [{"access_id": ".."}],
        [{"access_id": 5}],
    ],
)
def test_an_object_without_a_way(other: LoopbackService, azul: Any, methods: Any) -> None:
    other.on("GET", OBJECT).reply(json={"access_methods": methods})
    with pytest.raises(NotFoundError, match="no way to the bytes"):
        drs.address(azul, uri(other))


def test_answers_that_are_none(other: LoopbackService, azul: Any) -> None:
    other.on("GET", OBJECT).reply(json=["no"])
    with pytest.raises(AzulError, match="does not answer as a repository"):
        drs.address(azul, uri(other))


def test_storage_must_be_encrypted(other: LoopbackService, azul: Any) -> None:
    other.on("GET", OBJECT).reply(json={"access_methods": [{"access_url": {"url": "http://x.org/a"}}]})
    with pytest.raises(UsageError, match="not https"):
        drs.address(azul, uri(other))


def test_headers_are_not_split(other: LoopbackService, azul: Any) -> None:
    headers = {"X-A": "a\r\nX-B: b", "X C": "c", "Host": "h", "X-D": 5, "X-E": "e"}
    other.on("GET", OBJECT).reply(
        json={"access_methods": [{"access_url": {"url": "https://x.org/", "headers": headers}}]}
    )
    assert drs.address(azul, uri(other)).headers == {"X-E": "e"}


def test_what_is_not_ready_is_asked_for_again(other: LoopbackService, azul: Any) -> None:
    script = other.on("GET", OBJECT)
    script.reply(status=202, headers={"Retry-After": "0"}).reply(status=202)
    script.reply(json={"access_methods": [TDR]})
    other.on("GET", f"{OBJECT}/access/gcp-us").reply(status=202, headers={"Retry-After": "0"}).reply(
        json={"url": SIGNED}
    )
    assert drs.address(azul, uri(other)).url == SIGNED


def test_patience_ends(other: LoopbackService, scripted: Callable[..., Any]) -> None:
    other.on("GET", OBJECT).reply(status=202, headers={"Retry-After": "3600"})
    with pytest.raises(NetworkError, match="not get the object ready"):
        drs.address(scripted(patience=60).service, uri(other))


# Tokens


def test_no_repository_is_told_the_token_of_azul(other: LoopbackService, scripted: Callable[..., Any]) -> None:
    other.on("GET", OBJECT).fail(401)
    with pytest.raises(LoginError, match="which hca does not have"):
        drs.address(scripted(token="secret").service, uri(other))
    assert [one.headers["Authorization"] for one in other.asked()] == [None]


def test_the_repository_is_told_its_own_token_if_it_wants_one(
    other: LoopbackService, scripted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCA_TERRA_TOKEN", "terra-token")
    other.on("GET", OBJECT).reply(
        lambda asked: {"access_methods": [TDR]} if asked.headers["Authorization"] else _refused()
    )
    other.on("GET", f"{OBJECT}/access/gcp-us").reply(json={"url": SIGNED})
    config = settings(repository_url=other.url)
    assert drs.address(scripted(token="azul-token", config=config).service, uri(other)).url == SIGNED
    told = [one.headers["Authorization"] for one in other.asked()]
    assert told == [None, "Bearer terra-token", None]


def test_another_repository_is_not_told_it(
    other: LoopbackService, scripted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCA_TERRA_TOKEN", "terra-token")
    other.on("GET", OBJECT).fail(403)
    with pytest.raises(LoginError):
        drs.address(scripted().service, uri(other))
    assert [one.headers["Authorization"] for one in other.asked()] == [None]


def test_a_login_is_asked_for(other: LoopbackService, scripted: Callable[..., Any]) -> None:
    other.on("GET", OBJECT).fail(401)
    with pytest.raises(LoginError) as caught:
        drs.address(scripted(config=settings(repository_url=other.url)).service, uri(other))
    assert "HCA_TERRA_TOKEN" in (caught.value.hint or "")


def test_a_service_that_is_its_own_repository_is_told_its_token(
    service: LoopbackService, scripted: Callable[..., Any]
) -> None:
    service.on("GET", OBJECT).fail(404).reply(json={"access_methods": [{"access_url": {"url": SIGNED}}]})
    assert drs.address(scripted(token="azul-token").service, uri(service)).url == SIGNED
    assert [one.headers["Authorization"] for one in service.asked("GET", OBJECT)] == [None, "Bearer azul-token"]
    service.on("GET", "/ga4gh/drs/v1/objects/none").fail(403)
    with pytest.raises(LoginError) as caught:
        drs.address(scripted().service, uri(service).replace("v1_a_b", "none"))
    assert "hca azul login" in (caught.value.hint or "")


def test_what_is_not_there_is_not_a_matter_of_logins(other: LoopbackService, azul: Any) -> None:
    other.on("GET", OBJECT).fail(404)
    with pytest.raises(ServiceError) as caught:
        drs.address(azul, uri(other))
    assert caught.value.exit_status == 4
    other.on("GET", "/ga4gh/drs/v1/objects/v1_a_c").fail(400)
    with pytest.raises(ServiceError, match="HTTP 400"):
        drs.address(azul, uri(other).replace("a_b", "a_c"))


def test_a_token_does_not_follow_a_redirect(
    service: LoopbackService, other: LoopbackService, scripted: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HCA_TERRA_TOKEN", "terra-token")
    other.on("GET", OBJECT).fail(401).redirect(f"{service.url}/elsewhere")
    service.on("GET", "/elsewhere").reply(json={"access_methods": [{"access_url": {"url": SIGNED}}]})
    drs.address(scripted(config=settings(repository_url=other.url)).service, uri(other))
    assert [one.headers["Authorization"] for one in service.asked("GET", "/elsewhere")] == [None]


# The forms of URIs


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("drs://data.terra.bio/v1_a_b", "https://data.terra.bio/ga4gh/drs/v1/objects/v1_a_b"),
        ("drs://h.org/a?version=1&x=%2F", "https://h.org/ga4gh/drs/v1/objects/a?version=1&x=%2F"),
        ("drs://h.org/a%2Fb", "https://h.org/ga4gh/drs/v1/objects/a%2Fb"),
        ("drs://127.0.0.1:80/a", "http://127.0.0.1:80/ga4gh/drs/v1/objects/a"),
    ],
)
def test_hosts(azul: Any, uri: str, url: str) -> None:
    assert compact.object_url(azul, uri) == url


@pytest.mark.parametrize(
    "uri", ["drs://h.org/..", "drs://h.org/%2E%2e", "drs://h.org/", "drs://h.org/a/b", "drs://a b/c", "drs://u@h.org/a",
            "drs://h.org/a#b", "drs://p:..", "drs://code/p:x", "drs://p:x?a=b", "https://h.org/a"],
)  # fmt: skip
def test_what_is_no_uri(azul: Any, uri: str) -> None:
    with pytest.raises(UsageError):
        compact.object_url(azul, uri)


class Registry:
    """identifiers.org, as far as it matters."""

    def __init__(
        self, service: LoopbackService, *patterns: Any, href: Any = "http://x/restApi/namespaces/1829"
    ) -> None:
        self.service = service
        links = {"_links": {"self": {"href": href}}}
        service.on("GET", "/restApi/namespaces/search/findByPrefix").reply(json=links)
        listed = [one if isinstance(one, dict) else {"urlPattern": one} for one in patterns]
        path = "/restApi/resources/search/findAllByNamespaceId"
        service.on("GET", path).reply(json={"_embedded": {"resources": listed}})


def test_compact_identifiers(other: LoopbackService, scripted: Callable[..., Any]) -> None:
    old = {"urlPattern": "https://old.org/ga4gh/drs/v1/objects/{$id}", "deprecated": True}
    Registry(other, "https://data.terra.bio/ga4gh/drs/v1/objects/{$id}", old)
    azul = scripted(config=settings(identifiers_url=other.url)).service
    found = compact.object_url(azul, "drs://drs.anv0:v2_a%3Ab/c")
    assert found == "https://data.terra.bio/ga4gh/drs/v1/objects/v2_a%3Ab%2Fc"
    assert [dict(one.query) for one in other.asked()] == [{"prefix": "drs.anv0"}, {"id": "1829"}]
    # A service of the network does not lead to this machine.
    azul.url = "https://service.example.org"
    assert compact.object_url(azul, "drs://127.0.0.1:80/x").startswith("https://data.terra.bio/")


@pytest.mark.parametrize(
    "patterns",
    [
        [],
        ["https://a.org/ga4gh/drs/v1/objects/{$id}", "https://b.org/ga4gh/drs/v1/objects/{$id}"],
        ["https://a.org/files/{$id}"],
        ["https://u@a.org/ga4gh/drs/v1/objects/{$id}"],
        [{"urlPattern": None}],
    ],
)
def test_prefixes_that_lead_nowhere(other: LoopbackService, scripted: Callable[..., Any], patterns: Any) -> None:
    Registry(other, *patterns)
    azul = scripted(config=settings(identifiers_url=other.url)).service
    with pytest.raises(NotFoundError, match="knows no repository"):
        compact.object_url(azul, "drs://p:x")


def test_a_prefix_that_is_not_registered(other: LoopbackService, scripted: Callable[..., Any]) -> None:
    azul = scripted(config=settings(identifiers_url=other.url)).service
    with pytest.raises(NotFoundError, match="knows no repository"):
        compact.object_url(azul, "drs://p:x")
    Registry(other, "https://a.org/ga4gh/drs/v1/objects/{$id}", href="https://x/evil?id=../../1")
    with pytest.raises(NotFoundError, match="knows no repository"):
        compact.object_url(azul, "drs://p:x")


def _refused() -> Any:
    from hca_core.testing import reply

    return reply(json={"message": "log in"}, status=401)
