"""Parts beside their targets (hca_core.transfer.parts)."""

from __future__ import annotations

import os

import pytest
import transfer_tools as tools

from hca_core.transfer import Address, Transfer, parts


def test_a_folder_with_many_files_is_listed_once(tmp_path, monkeypatch):
    """Or the time for each file would grow with the number of files."""
    for number in range(200):
        (tmp_path / f"there-{number}").touch()
    (tmp_path / ".mine.owner-1-2-3.part").write_bytes(b"part")
    listed = []
    whole = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: listed.append(folder) or whole(folder))
    listing = parts.Listing()
    for number in range(50):
        assert listing.of(str(tmp_path / f"file-{number}")) == []
    assert listing.of(str(tmp_path / "mine")) == [str(tmp_path / ".mine.owner-1-2-3.part")]
    assert listed == [str(tmp_path)]


@pytest.mark.parametrize("name", ["file", "n" * 255, "\N{GREEK SMALL LETTER ALPHA}" * 127])
def test_a_part_belongs_to_one_target_only(tmp_path, name):
    wanted = Transfer(name, str(tmp_path / name), Address("http://127.0.0.1/"))
    part = tools.part_of(wanted, b"part")
    assert parts.Listing().of(wanted.target) == [str(part)]
    for other in (f"{name[:-1]}x", name[:-1], f"x{name[1:]}"):
        assert parts.Listing().of(str(tmp_path / other)) == []
