"""Reading a JSON object piece by piece: the same as the whole, whatever its layout; anything else is refused."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any

import pytest

from hca_azul.lock import parsing
from hca_core.errors import HCAError

DOCUMENT = {
    "schema": 1,
    "a": {"b": [1, 2.5, "x"]},
    "files": [{"n": number, "t": 'ü"\\]}'} for number in range(50)],
    "z": 12,
}


class Slow(io.StringIO):
    """A stream that gives a few characters at once, however many are wanted."""

    def read(self, size: int | None = -1) -> str:
        return super().read(min(size or 3, 3))


def parsed(stream: Any) -> list[tuple[str, Any]]:
    return list(parsing.entries(stream, "files"))


@pytest.mark.parametrize("layout", [{}, {"indent": 3}, {"separators": (",", ":")}, {"sort_keys": True}])
@pytest.mark.parametrize("kind", [io.StringIO, Slow])
def test_the_layout_does_not_matter(layout: dict[str, Any], kind: Any) -> None:
    found = parsed(kind(json.dumps(DOCUMENT, **layout)))
    assert [value for key, value in found if key == "files"] == DOCUMENT["files"]
    assert {key: value for key, value in found if key != "files"} == {
        key: value for key, value in DOCUMENT.items() if key != "files"
    }


def test_empty_ones() -> None:
    assert parsed(io.StringIO("{}")) == []
    assert parsed(io.StringIO(' {"files" : [ ] } \n')) == []


@pytest.mark.parametrize(
    "text",
    ["", "[1]", "x", "{", '{"files": [', '{"files": [1', '{"files": [1,', '{"files": [1]', '{"files": {}}', '{"a" 1}',
     '{"a": 1 "b": 2}', '{"a": }', '{"files": [1 2]}', "{5: 1}", '{"files": []} x', '{"a": ' + "[" * 100_000],
)  # fmt: skip
def test_what_is_no_such_object(text: str) -> None:
    for kind in (io.StringIO, Slow) if len(text) < 100 else (io.StringIO,):
        with pytest.raises(HCAError):
            parsed(kind(text))


def test_memory_does_not_grow_with_the_list() -> None:
    item = json.dumps({"uuid": "x" * 200}) + ",\n"
    stream = io.StringIO('{"files": [\n' + item * 20_000 + "1]}")
    tracemalloc.start()
    try:
        assert sum(1 for _ in parsing.entries(stream, "files")) == 20_001
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()
