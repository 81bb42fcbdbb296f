"""Names as paths: what the service's manifests for curl make of them, and what they refuse (contract §7)."""

from __future__ import annotations

import pytest

from hca_azul.download import naming

UUID = "0d5a0e5c-7a3f-4c3b-9a55-4c0f4c1d2e3f"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("reads_R1.fastq.gz", "reads_R1.fastq.gz"),
        ("store.zarr/.zgroup", "store.zarr/.zgroup"),
        ("a #1 & 100%.txt", "a #1 & 100%.txt"),
        ('<a>:"b"|c?*', "_a___b__c__"),
        (".hidden", ".hidden"),
        ("e\u0301.txt", "\u00e9.txt"),  # one letter in both of its spellings
        ("con1.txt", "con1.txt"),
    ],
)
def test_names_that_may_be(name, path):
    assert naming.sanitised(name) == path


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "a/",
        "a//b",
        "a/../b",
        "a/./b",
        "a\\b",
        "a\nb",
        "a\x00b",
        "\x7f",
        "..a",
        ". a",
        " a",
        "a ",
        "a.",
        "a/b./c",
        "CON",
        "con",
        "nul.txt",
        "a/LPT1.fastq.gz",
        "COM0",
        "x" * 241,
        "/".join(["abc"] * 300),
        "\ud800",
    ],
)
def test_names_that_may_not_be(name):
    assert naming.sanitised(name) is None
    made = naming.safe(name, UUID)
    assert made.startswith(UUID)
    assert naming.sanitised(made) == made


def test_a_name_that_may_not_be_keeps_its_suffix():
    assert naming.safe("../../evil.fastq.gz", UUID) == f"{UUID}.fastq.gz"
    assert naming.safe("nul.txt", UUID) == f"{UUID}.txt"
    assert naming.safe("..", UUID) == UUID


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Kidney / cortex", "Kidney _ cortex"),
        ("../..", "_"),
        ("", "unknown"),
        (" . ", "unknown"),
        ("nul", "_nul"),
        ("a:b\n", "a_b_"),
        ("\u00e9" * 200, "\u00e9" * 120),
    ],
)
def test_any_text_is_one_part(text, part):
    assert naming.part(text) == part
    assert naming.sanitised(part) == part


@pytest.mark.parametrize(
    ("path", "apart"),
    [
        ("P/reads.fastq.gz", "P/reads.0d5a0e5c.fastq.gz"),
        ("README", "README.0d5a0e5c"),
        (".zattrs", ".zattrs.0d5a0e5c"),
        ("a.b/c", "a.b/c.0d5a0e5c"),
    ],
)
def test_two_of_one_name_are_told_apart(path, apart):
    assert naming.told_apart(path, UUID[:8]) == apart
