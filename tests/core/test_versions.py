"""DSS_VERSION timestamps (CORE-047): one moment has one spelling, and the order of text is the order of time."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from hca_core import versions

SHAPE = re.compile(r"\d{4}-\d{2}-\d{2}T\d{6}\.\d{6}Z")


def test_now():
    before = datetime.now(UTC)
    text = versions.now()
    after = datetime.now(UTC)
    assert SHAPE.fullmatch(text)
    assert before <= datetime.strptime(text, "%Y-%m-%dT%H%M%S.%fZ").replace(tzinfo=UTC) <= after
    assert versions.is_valid(text)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(1985, 4, 12, 23, 20, 50, 520_000, UTC), "1985-04-12T232050.520000Z"),
        (datetime(2026, 1, 2, 3, 4, 5, 0, UTC), "2026-01-02T030405.000000Z"),
        (datetime(303, 4, 23, 19, 36, 4, 240_704, UTC), "0303-04-23T193604.240704Z"),
        (datetime(2026, 1, 1, 0, 30, 0, 1, timezone(timedelta(hours=1))), "2025-12-31T233000.000001Z"),
    ],
)
def test_format(moment, text):
    assert versions.format(moment) == text
    assert versions.is_valid(text)


def test_the_order_of_text_is_the_order_of_time():
    generator = random.Random(5)
    moments = [datetime(1, 1, 2, tzinfo=UTC) + timedelta(seconds=generator.uniform(0, 3e11)) for _ in range(500)]
    texts = [versions.format(moment) for moment in moments]
    assert sorted(texts) == [versions.format(moment) for moment in sorted(moments)]
    assert all(versions.is_valid(text) and len(text) == 25 for text in texts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1985-04-12T23:20:50.52Z",
        "1985-04-12T232050.52Z",
        "1985-04-12T232050Z",
        "1985-04-12T232050.520000",
        "1985-04-12T232050.5200000Z",
        "1985-04-12 232050.520000Z",
        "1985-13-12T232050.520000Z",
        "1985-02-30T232050.520000Z",
        "1985-04-12T242050.520000Z",
        "1985-04-12T236050.520000Z",
        "1985-04-12T235060.520000Z",
        "0000-04-12T232050.520000Z",
        "85-04-12T232050.520000Z",
        "1985-04-12t232050.520000z",
        " 1985-04-12T232050.520000Z",
        "1985-04-12T232050.520000Z\n",
        "\u0661985-04-12T232050.520000Z",
    ],
)
def test_what_is_no_version(text):
    assert not versions.is_valid(text)


def test_the_verb_prints_bare_text(hca):
    outcome = hca("dss", "create-version")
    assert outcome.exit_status == 0
    assert SHAPE.fullmatch(outcome.stdout.rstrip("\n"))
    assert outcome.stdout.count("\n") == 1
    assert hca("dss", "create-version", "--output", "json").json() > outcome.stdout.strip()
