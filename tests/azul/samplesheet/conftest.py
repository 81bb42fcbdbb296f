"""What tests of sample sheets share: rows beside this file, and a function that makes a sheet of them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from neighbours import load

from hca_azul.samplesheet.making import Order, make

if TYPE_CHECKING:
    from collections.abc import Callable

fastqs = load(Path(__file__).with_name("fastqs.py"), "azul_fastqs")


def table(path: Path | str, delimiter: str = ",") -> list[dict[str, str]]:
    """Return the lines of a table."""
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream, delimiter=delimiter))


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[..., list[dict[str, str]]]:
    """A function that makes the sheet of rows that were downloaded, and returns its lines; `made` is the last one."""

    def making(rows: list[Any], target: str = "nf-core/scrnaseq", **settings: Any) -> list[dict[str, str]]:
        folder = tmp_path / "data"
        if not folder.exists():
            fastqs.download(rows, folder)
        name = "sheet" if target == "nf-core/scrnaseq" else f"sheet-{target.replace('/', '-')}"
        order = Order(target, str(tmp_path / name), str(folder), **settings)
        making.made = make(rows, order)  # type: ignore[attr-defined]
        return table(order.to, "\t" if target == "starsolo" else ",")

    making.made = None  # type: ignore[attr-defined]
    return making
