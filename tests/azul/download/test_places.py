"""Where files go: layouts, templates, and files that want one place."""

from __future__ import annotations

import pytest

from hca_azul.download import naming, places
from hca_azul.rows import Row
from hca_core.errors import UsageError

SHA = "ab" * 32
OTHER = "cd" * 32
DONOR = "donor_organism.biomaterial_core.biomaterial_id"


def row(number: int = 1, **told) -> Row:
    given = {
        "uuid": f"{number:08x}-0000-4000-8000-000000000000",
        "version": "2024-01-01T00:00:00.000000Z",
        "name": "reads.fastq.gz",
        "sha256": SHA,
        "project": "Kidney Atlas",
        "bundle_uuids": ("b1",),
        **told,
    }
    return Row(**given)


def paths(rows, layout="project") -> list[str]:
    return [place for _, place in places.resolved(rows, layout)]


@pytest.mark.parametrize(
    ("layout", "place"),
    [
        ("none", ""),
        ("flat", "reads.fastq.gz"),
        ("project", "Kidney Atlas/reads.fastq.gz"),
        ("bundle", "b1/reads.fastq.gz"),
        ("{project}/{donor}/{read_index}-{name}", "Kidney Atlas/D 1/read1-reads.fastq.gz"),
        ("{organ}/{uuid}", "unknown/00000001-0000-4000-8000-000000000000"),
    ],
)
def test_layouts(layout, place):
    one = row(read_index="read1", extra={DONOR: ("D 1",)})
    assert paths([one], layout) == [place]


def test_the_bundle_is_the_latest_one():
    told = (("b9", "2023"), ("b1", "2024"), ("b2", "2024"))
    assert paths([row(bundles=told, bundle_uuids=("b1", "b2", "b9"))], "bundle") == ["b2/reads.fastq.gz"]


def test_values_of_a_template_stay_one_part():
    evil = row(extra={DONOR: ("../../etc",)}, name="..")
    assert paths([evil], "{donor}/{name}") == ["_.._etc/00000001-0000-4000-8000-000000000000"]
    assert paths([row(extra={DONOR: ("a", "b")})], "{donor}/{name}") == ["several/reads.fastq.gz"]


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("tree", "no layout"),
        ("{nme}", "{nme}"),
        ("{name", "can't be read"),
        ("{name!r}", "field"),
        ("{name:>200}", "field"),
        ("{name.__class__}", "field"),
        ("{project}", "one place"),
        ("/abs/{name}", "no path"),
        ("../{name}", "no path"),
        ("{organ}//{name}", "no path"),
    ],
)
def test_layouts_that_can_not_be(layout, said):
    with pytest.raises(UsageError, match=said):
        places.check_layout(layout)


def test_a_file_comes_once_however_many_rows_it_has():
    one = row()
    assert paths([one, row(bundle_uuids=("b2",)), one]) == ["Kidney Atlas/reads.fastq.gz"]
    assert paths([one, row(version="2025")]) == ["Kidney Atlas/reads.fastq.gz"] * 2  # the same content: one file


def test_names_do_not_depend_on_the_order():
    first, second = row(1), row(2, sha256=OTHER)
    third = row(3, name="other.txt")
    names = {
        first.uuid: "Kidney Atlas/reads.00000001.fastq.gz",
        second.uuid: "Kidney Atlas/reads.00000002.fastq.gz",
        third.uuid: "Kidney Atlas/other.txt",
    }
    for rows in ([first, second, third], [third, second, first]):
        assert {one.uuid: place for one, place in places.resolved(rows, "project")} == names


def test_upper_and_lower_case_is_no_difference():
    rows = [row(1, name="A.txt"), row(2, name="a.txt", sha256=OTHER)]
    assert paths(rows, "flat") == ["A.00000001.txt", "a.00000002.txt"]


def test_recorded_places_are_taken():
    assert paths([row(extra={"place": ("x/y.txt",)})], places.RECORDED) == ["x/y.txt"]


@pytest.mark.parametrize("layout", ["flat", "project", "bundle", "{organ}/{name}"])
@pytest.mark.parametrize("name", ["..", ""])
def test_an_identity_is_no_path_either(layout, name):
    """Manifests come from anybody, and what should be a UUID is what they say."""
    for uuid in ("../../evil", "/etc/evil", "a/b"):
        (place,) = paths([row(uuid=uuid, name=name)], layout)
        assert naming.sanitised(place) == place
        assert "evil" not in place
    twice = [row(uuid="../../x1", name="a.txt"), row(uuid="../../x2", name="a.txt", sha256=OTHER)]
    assert all(naming.sanitised(place) == place for place in paths(twice, layout))


def test_no_name_leads_into_the_store():
    content = f".hca/v2/files_2_4/ab/abab/{SHA}"
    for name in (content, content.replace("hca", "HCA"), ".hca"):
        for layout in ("project", "{name}"):
            assert not paths([row(name=name, project="", sha256=OTHER)], layout)[0].casefold().startswith(".hca")


def test_rows_that_only_tell_where_they_are_stay_several():
    rows = [row(uuid="", sha256="", version="", drs_uri=f"drs://example.org/{number}") for number in range(3)]
    assert len(set(paths(rows, "flat"))) == 3


def test_many_files_of_one_name():
    """Of 70,000 UUIDs two are likely to begin alike; and one file may be there in two versions."""
    alike = [row(uuid=f"00000001-0000-4000-8000-{number:012x}", sha256=f"{number:064x}") for number in range(3)]
    versions = [row(7, version="2023", sha256=SHA), row(7, version="2024", sha256=OTHER)]
    told = paths([*alike, *versions])
    assert len(set(told)) == 5
    assert set(paths([*versions[::-1], *alike[::-1]])) == set(told)
    assert "Kidney Atlas/reads.00000001-0000-4000-8000-000000000001.fastq.gz" in told


def test_a_file_is_told_from_a_folder_of_its_name():
    rows = [row(1, name="a"), row(2, name="A/b", sha256=OTHER), row(3, name="c", sha256=OTHER)]
    for given in (rows, rows[::-1]):
        assert sorted(paths(given, "{name}")) == ["A/b", "a.00000001", "c"]


class Looked:
    """Rows that count how often somebody goes through them."""

    def __init__(self, *rows: Row) -> None:
        self.times = 0
        self._rows = rows

    def __iter__(self):
        self.times += 1
        return iter(self._rows)


@pytest.mark.parametrize("layout", ["project", "none"])
def test_files_and_bytes_are_counted_once(layout):
    one, other = row(1, size=5), row(2, size=7, name="other")
    found = places.Places([one, other, one, row(3, name="third")], layout)
    assert (found.files, found.size) == (3, 12)
    assert [one.name for one, _ in found] == ["reads.fastq.gz", "other", "third"]


def test_hashes_that_are_the_same_by_chance_change_nothing(monkeypatch):
    rows = [row(1), row(2, name="other", size=3), row(3, name="third")]
    expected = paths(rows)
    monkeypatch.setattr("hca_azul.download.clashes.hash", lambda text: 7, raising=False)
    found = places.Places(rows, "project")
    assert (found.files, found.size) == (3, 3)
    assert [place for _, place in found] == expected


@pytest.mark.parametrize("layout", ["project", "none"])
def test_rows_are_looked_at_once_beforehand(layout):
    rows = Looked(row(1), row(2, name="other"), row(3, name="third"))
    found = places.Places(rows, layout)
    assert rows.times == 1
    assert [one.uuid[:8] for one, _ in found] == ["00000001", "00000002", "00000003"]
    assert list(found) == list(found)
    assert rows.times == 4


@pytest.mark.parametrize("clash", [False, True])
def test_a_few_bare_rows_are_looked_at_once(clash, monkeypatch):
    rows = Looked(row(1), row(2, sha256=OTHER if clash else SHA, name="reads.fastq.gz" if clash else "b"), row(1))
    found = places.Places(rows, "project", bare=True)
    expected = [(one._replace(extra={}), place) for one, place in places.resolved(rows, "project")]
    rows.times = 0
    assert list(found) == list(found) == expected
    assert rows.times == 0
    monkeypatch.setattr(places, "_MOST_KEPT", 2)
    assert list(places.Places(rows, "project", bare=True)) == list(places.resolved(rows, "project"))
    assert rows.times > 2


def test_a_bare_row_has_the_place_that_its_cells_tell():
    one = row(extra={DONOR: ("D 1",), "other": ("x",) * 9})
    assert list(places.Places([one], "{donor}/{name}", bare=True)) == [(one._replace(extra={}), "D 1/reads.fastq.gz")]


def test_rows_are_looked_at_again_until_no_two_want_one_place():
    rows = Looked(row(1), row(2, sha256=OTHER), row(1))
    found = places.Places(rows, "project")
    assert rows.times == 3  # by their hashes, exactly, and those that were moved
    assert [place for _, place in found] == [
        "Kidney Atlas/reads.00000001.fastq.gz",
        "Kidney Atlas/reads.00000002.fastq.gz",
    ]
    assert [place for _, place in found] == [place for _, place in found]


def test_folders_are_remembered_beyond_the_row_before():
    rows = [row(1, name="a/b"), row(2, name="x/y", sha256=OTHER), row(3, name="a", sha256=OTHER)]
    assert paths(rows, "{name}") == ["a/b", "x/y", "a.00000003"]
    assert paths(rows[::-1], "{name}") == ["a.00000003", "x/y", "a/b"]


@pytest.mark.parametrize(
    ("name", "layout", "is_renamed"),
    [
        ("reads.fastq.gz", "project", False),
        ("x.zarr/.zattrs", "flat", False),
        ("a: b.txt", "project", True),
        ("../../etc/passwd", "flat", True),
        ("aux.gz", "{organ}/{name}", True),
        ("aux.gz", "{organ}/{uuid}", False),
        ("aux.gz", "none", False),
        ("", "project", False),
    ],
)
def test_other_names_are_noticed(name, layout, is_renamed):
    ((one, place),) = places.resolved([row(name=name)], layout)
    assert places.is_renamed(one, place, layout) == is_renamed


def test_what_is_told_apart_has_another_name():
    rows = [row(1), row(2, sha256=OTHER)]
    assert all(places.is_renamed(one, place, "project") for one, place in places.resolved(rows, "project"))
