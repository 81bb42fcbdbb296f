"""What people name data by."""

from __future__ import annotations

import pytest

from hca_azul.resolve import identifiers
from hca_azul.resolve.identifiers import Kind
from hca_core.errors import UsageError

UUID = "2cfd3a55-f1d9-5f4e-a0f6-8a0b4ba5e8c1"
HEX = "ab" * 32


@pytest.mark.parametrize(
    ("text", "kind", "told"),
    [
        (UUID, Kind.UUID, {"uuid": UUID}),
        (f" {UUID.upper()}\n", Kind.UUID, {"uuid": UUID}),
        (HEX.upper(), Kind.DIGEST, {"sha256": HEX}),
        (
            f"https://explore.data.humancellatlas.org/projects/{UUID}?catalog=dcp46",
            Kind.ENTITY,
            {"uuid": UUID, "entity_type": "projects", "catalog": "dcp46"},
        ),
        (f"https://data.humancellatlas.org/explore/projects/{UUID}/expanded-metadata", Kind.ENTITY, {"uuid": UUID}),
        (f"https://service.example.org/index/samples/{UUID}", Kind.ENTITY, {"entity_type": "samples"}),
        (
            f"https://service.example.org:8443/repository/files/{UUID}?catalog=c&version=2020-01-01T00:00:00.000000Z",
            Kind.FILE,
            {"version": "2020-01-01T00:00:00.000000Z", "catalog": "c", "service": "https://service.example.org:8443"},
        ),
        (f"https://service.example.org/fetch/repository/files/{UUID}", Kind.FILE, {"uuid": UUID, "version": ""}),
        ("drs://data.terra.bio/v2_x", Kind.DRS, {"text": "drs://data.terra.bio/v2_x"}),
        (f"s3://bucket/file/{HEX}.sha256", Kind.MIRROR, {"bucket": "bucket", "sha256": HEX}),
        (f"s3://bucket/_it/file/{HEX}.sha256", Kind.MIRROR, {"key": f"_it/file/{HEX}.sha256"}),
        (f"s3://bucket/file/{'ab' * 16}.md5", Kind.MIRROR, {"sha256": ""}),
    ],
)
def test_what_is_named(text: str, kind: Kind, told: dict[str, str]) -> None:
    found = identifiers.parse(text)
    assert found.kind is kind
    assert {name: getattr(found, name) for name in told} == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kidney",
        UUID[:-1],
        HEX[:-1],
        "drs://",
        "drs://host/\x1b[2J",
        "https://example.org/",
        f"https://user:pw@example.org/projects/{UUID}",
        f"ftp://example.org/projects/{UUID}",
        "https://[::1/projects",
        f"s3://bucket/{HEX}.sha256",
        f"s3://bucket/file/../{HEX}.sha256",
        f"s3://bucket/file/{HEX.upper()}.sha256",
    ],
)
def test_what_names_nothing_is_told_in_a_sentence(text: str) -> None:
    with pytest.raises(UsageError, match="names no data") as caught:
        identifiers.parse(text)
    assert "a UUID" in (caught.value.hint or "")
    assert "\x1b" not in caught.value.message


def test_the_id_of_an_entity() -> None:
    page = f"https://explore.data.humancellatlas.org/projects/{UUID}"
    assert identifiers.entity_id(page) == identifiers.entity_id(UUID) == UUID
    assert identifiers.entity_id(page.replace("projects", "samples"), "samples") == UUID
    for wrong in (HEX, page.replace("projects", "samples"), f"https://example.org/repository/files/{UUID}"):
        with pytest.raises(UsageError, match="one of projects"):
            identifiers.entity_id(wrong)
