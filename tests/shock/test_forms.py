"""The bodies that are sent: what a parser of forms reads in them, what is first, how they are streamed."""

from __future__ import annotations

import email
from typing import TYPE_CHECKING

import pytest

from hca_core.errors import UsageError
from hca_shock import forms
from hca_shock.forms import BLOCK, FilePart, Form, Source, file_blocks, fits

if TYPE_CHECKING:
    from pathlib import Path


def parsed(form: Form) -> list[tuple[str, str | None, bytes]]:
    """Return field, file name and content of each part, as the mail parser of Python reads them."""
    body = b"".join(form)
    assert len(form) == len(body)
    message = email.message_from_bytes(f"Content-Type: {form.content_type}\r\n\r\n".encode() + body)
    found = []
    for part in message.get_payload():  # type: ignore[union-attr]
        name = part.get_param("name", header="content-disposition")  # type: ignore[union-attr]
        length = part["Content-Length"]  # type: ignore[index]
        data = part.get_payload(decode=True)  # type: ignore[union-attr]
        assert length is None or int(length) == len(data)  # type: ignore[arg-type]
        found.append((name, part.get_filename(), data))  # type: ignore[union-attr]
    return found  # type: ignore[return-value]


def test_values_come_first_and_all_is_there() -> None:
    form = Form(
        [("tags", "a,b"), ("priority", "1")], [FilePart("upload", "x.txt", b"content"), FilePart("1", "y", b"")]
    )
    assert parsed(form) == [
        ("tags", None, b"a,b"),
        ("priority", None, b"1"),
        ("upload", "x.txt", b"content"),
        ("1", "y", b""),
    ]


def test_a_form_without_files_is_one_too() -> None:
    assert parsed(Form([("a", "ä\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape"))]))[0][2]
    assert b"".join(Form()).startswith(b"--")


def test_names_do_not_end_their_quotes() -> None:
    body = b"".join(Form([], [FilePart("upload", 'a"b\r\nX: y', b"")]))
    assert b'filename="a%22b%0D%0AX: y"' in body


@pytest.mark.parametrize("value", ["", None])
def test_an_empty_value_is_refused(value: str) -> None:
    with pytest.raises(UsageError, match="'tags' is empty"):
        Form([("priority", "1"), ("tags", value)])


def test_all_values_and_the_head_of_the_first_file_are_in_the_first_piece() -> None:
    source = Source(3 * BLOCK, lambda: iter([b"a" * BLOCK, b"b" * BLOCK, b"c" * BLOCK]))
    form = Form([("tags", "t" * 900)], [FilePart("attributes", "a.json", b"{}"), FilePart("upload", "x", source)])
    pieces = list(form)
    assert b"t" * 900 in pieces[0]
    assert b'name="upload"' in pieces[0]
    assert max(map(len, pieces)) <= BLOCK + 100
    assert list(form) == pieces  # it can be sent again
    assert form.body() is form


def test_a_small_form_is_sent_as_bytes() -> None:
    form = Form([("a", "b")])
    assert form.body() == b"".join(form)


def test_what_fits() -> None:
    assert fits([("a", "x" * forms.MOST_VALUES)])
    assert not fits([("a", "x" * forms.MOST_VALUES), ("b", "x")])
    assert not fits([("a", "ä" * forms.MOST_VALUES)])


def test_pieces_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"0123456789")
    assert b"".join(file_blocks(path)) == b"0123456789"
    assert b"".join(file_blocks(path, 3)) == b"3456789"
    assert b"".join(file_blocks(path, 3, 4)) == b"3456"
    assert b"".join(file_blocks(path, 3, 0)) == b""
    with pytest.raises(OSError, match="shorter"):
        list(file_blocks(path, 8, 3))
