"""Cells by column: only those that say something."""

from __future__ import annotations

import pickle

import pytest

from hca_azul.manifest.cells import Cells

PLACES = {"organ": 0, "donor": 1, "empty": 2, "bundle": 3, "bundles": 4}
GIVEN = ["kidney", "d1 || d2", "", "b1", "b1 || b2"]


@pytest.fixture
def cells() -> Cells:
    return Cells(GIVEN, PLACES, frozenset({"bundle", "bundles"}))


def test_what_is_told(cells):
    told = {"organ": ("kidney",), "donor": ("d1", "d2"), "bundles": ("b1", "b2")}
    assert cells == told
    assert told == cells
    assert list(cells) == list(told)
    assert len(cells) == 3
    assert repr(cells) == repr(told)


@pytest.mark.parametrize("column", ["empty", "bundle", "else"])
def test_what_is_not_told(cells, column):
    assert column not in cells
    assert cells.get(column, ()) == ()
    with pytest.raises(KeyError):
        cells[column]


def test_it_travels(cells):
    assert pickle.loads(pickle.dumps(cells)) == cells
