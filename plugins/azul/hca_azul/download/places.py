"""Where files go below the download directory: layouts, and what becomes of two files that want one place."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING

from hca_azul.download import clashes, naming
from hca_azul.download.clashes import Hashes
from hca_azul.rows import NO_CELLS
from hca_core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hca_azul.download.clashes import Known
    from hca_azul.rows import Row

LAYOUTS = ("none", "bundle", "flat", "project")
RECORDED = "recorded"  # the places that an earlier run, or a lock file, noted in `extra["place"]`
_COLUMNS = {
    "donor": "donor_organism.biomaterial_core.biomaterial_id",
    "sample": "sample.biomaterial_core.biomaterial_id",
    "organ": "specimen_from_organism.organ",
    "species": "donor_organism.genus_species",
    "library": "library_preparation_protocol.library_construction_approach",
    "suspension": "cell_suspension.biomaterial_core.biomaterial_id",
}
FIELDS = ("bundle", "format", "name", "project", "project_id", "read_index", "sha256", "uuid", "version", *_COLUMNS)
_FOLDER = b"folder"  # what is at the place of one, in the place of a content
_MOST_KEPT = 5000  # rows: some MiB
_SEVERAL = "several"  # values of one field: files of several donors are in no folder of one of them


def check_layout(layout: str) -> None:
    """Raise UsageError unless `layout` is one of LAYOUTS, or a template such as {organ}/{donor}/{name}."""
    if layout in (*LAYOUTS, RECORDED):
        return
    if "{" not in layout:
        raise UsageError(f"there is no layout {layout!r}", hint=f"one of {', '.join(LAYOUTS)}, or {{project}}/{{name}}")
    try:
        parsed = [field for _, field, spec, how in string.Formatter().parse(layout) if field is not None]
        plain = not any(spec or how for _, field, spec, how in string.Formatter().parse(layout) if field is not None)
    except ValueError as error:
        raise UsageError(f"the layout {layout!r} can't be read: {error}") from error
    unknown = [field for field in parsed if field not in FIELDS]
    if unknown or not plain:
        raise UsageError(f"the layout {layout!r} has no field of ours: {{{(unknown or parsed)[0]}}}",
                         hint=f"fields are {', '.join(FIELDS)}")  # fmt: skip
    if naming.sanitised(layout.format_map(dict.fromkeys(FIELDS, "x"))) is None:
        raise UsageError(f"the layout {layout!r} is no path below the download directory", hint="{project}/{name}")
    if not {"name", "uuid", "sha256"} & set(parsed):
        raise UsageError(f"the layout {layout!r} gives many files one place", hint="end it with /{name}")


def place_of(row: Row, layout: str) -> str:
    """Return the path of a row below the download directory, with `/`; "" for layout none.

    The layout is one that `check_layout` takes.
    """
    if layout == "none":
        return ""
    if layout == RECORDED:
        return _value(row.extra.get("place", ()))
    name = naming.safe(row.name, _identity(row))
    if layout == "flat":
        return naming.safe(name.replace("/", "_"), _identity(row))
    if layout == "bundle":  # that of the service's own: the greatest version, then UUID (contract §7)
        return f"{_bundle(row)}/{name}"
    if layout == "project":
        project = row.project or row.project_id
        return f"{naming.part(project)}/{name}" if project else name
    return _filled(row, layout, name)


def is_renamed(row: Row, place: str, layout: str) -> bool:
    """Tell whether the `place` of a row has another name than it is listed with, though its layout has names."""
    if not place or not row.name or layout == RECORDED or ("{" in layout and "{name}" not in layout):
        return False
    name = row.name.replace("/", "_") if layout == "flat" else row.name
    return not f"/{place}".endswith(f"/{name}")


def resolved(rows: Iterable[Row], layout: str) -> Iterator[tuple[Row, str]]:
    """Yield each file of `rows` once with its place; see `Places`."""
    yield from Places(rows, layout)


class Places:
    """Each file of `rows` once with its place, as often as somebody goes through them.

    Where files of different content want one place (or such that differ in upper and lower case only), all of them get
    a part of their UUID into the name, so that names do not depend on the order of rows; so does a file whose name
    others have for a folder. Memory hardly grows with the rows. All of them are looked at once here, and again only if
    a file, or a place, may come twice.

    `files` is how many there are, `size` their bytes. `bare`: nobody will ask for the `extra` of a row, so that some
    thousands of them can be kept, and need not be read again. Raises UsageError for a layout that can't be.
    """

    def __init__(self, rows: Iterable[Row], layout: str, *, bare: bool = False) -> None:
        check_layout(layout)
        self._rows = rows
        self._layout = layout
        self._kept: list[tuple[Row, str]] | None = [] if bare else None  # all of them, with the places that they want
        self.files = self.size = 0
        self._repeats = False  # whether there are rows of one file
        self._clashes: set[bytes] = set()
        if self._may_repeat():
            self._look_closely()

    def __iter__(self) -> Iterator[tuple[Row, str]]:
        if not self._repeats:
            yield from ((row, self._settled(row, wanted)) for row, wanted in self._placed())
            return
        with clashes.known() as known:
            for row, wanted in self._placed():
                if known.is_new(row.identity):
                    yield row, self._settled(row, wanted)

    def _placed(self) -> Iterable[tuple[Row, str]]:
        """Return all rows with the places that they want."""
        return ((row, place_of(row, self._layout)) for row in self._rows) if self._kept is None else self._kept

    def _keep(self, row: Row, place: str) -> None:
        if self._kept is not None:
            self._kept.append((row._replace(extra=NO_CELLS), place))
            if len(self._kept) > _MOST_KEPT:
                self._kept = None

    def _may_repeat(self) -> bool:
        """Count all rows as files of their own, and tell whether that, or the places they want, may be wrong."""
        files, wanted, folders = Hashes(), Hashes(), Hashes()
        last = ""
        for row in self._rows:
            self.files += 1
            self.size += row.size or 0
            files.add(row.identity)
            place = place_of(row, self._layout)
            self._keep(row, place)
            if not place:
                continue
            wanted.add(place.casefold())
            folder = place.rpartition("/")[0]
            if folder != last:
                last = folder
                for above in _upwards(folder):
                    folders.add(above.casefold())
        return files.have_twice() or wanted.have_twice() or folders.meet(wanted)

    def _look_closely(self) -> None:
        """Count the files and find the clashes exactly."""
        self.files = self.size = 0
        with clashes.known() as known:
            new = _wanted_twice(known, self._counted(known))
            while new:
                self._clashes |= new
                new = _wanted_twice(known, self._moved()) - self._clashes

    def _counted(self, known: Known) -> Iterator[tuple[Row, str]]:
        for row, wanted in self._placed():
            if known.is_new(row.identity):
                self.files += 1
                self.size += row.size or 0
            else:
                self._repeats = True
            yield row, wanted

    def _moved(self) -> Iterator[tuple[Row, str]]:
        """Yield the rows that can't have the place that they want, with that which is tried next."""
        for row, wanted in self._placed():
            if _key(wanted) in self._clashes:
                yield row, self._settled(row, wanted)

    def _settled(self, row: Row, wanted: str) -> str:
        """Return the place of a row: the one that it wants, if that is none of the clashes."""
        if not self._clashes or _key(wanted) not in self._clashes:
            return wanted
        mark = naming.as_name(_identity(row))
        place = wanted
        # Of many files with one name two may well begin alike, and two versions of one file do.
        for end in (mark[:8], mark, naming.as_name(f"{row.identity} {row.sha256}")):
            place = naming.told_apart(wanted, end)
            if _key(place) not in self._clashes:
                break
        return place


def _wanted_twice(known: Known, placed: Iterable[tuple[Row, str]]) -> set[bytes]:
    """Return the keys of the places that are wanted by files of different content, or by a file and as a folder."""
    found: set[bytes] = set()
    last = ""
    for row, place in placed:
        if not place:
            continue
        key = _key(place)
        if known.is_other(key, _content(row)):
            found.add(key)
        folder = place.rpartition("/")[0]
        if folder != last:
            last = folder
            found |= {key for key in map(_key, _upwards(folder)) if known.is_other(key, _FOLDER)}
    return found


def _upwards(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def _content(row: Row) -> bytes:
    return clashes.key(row.sha256 or row.identity)


def _key(place: str) -> bytes:
    return clashes.key(place.casefold())


def _bundle(row: Row) -> str:
    if row.bundles:
        return naming.part(max(row.bundles, key=lambda one: (one[1], one[0]))[0])
    return naming.part(max(row.bundle_uuids, default="no bundle"))


def _filled(row: Row, layout: str, name: str) -> str:
    values = {
        **{field: naming.part(_value(row.extra.get(column, ()))) for field, column in _COLUMNS.items()},
        "bundle": _bundle(row),
        "project": naming.part(row.project or row.project_id),
        **{
            field: naming.part(getattr(row, field))
            for field in ("format", "project_id", "read_index", "sha256", "uuid", "version")
        },
        "name": name,
    }
    return naming.safe(layout.format_map(values), _identity(row))


def _identity(row: Row) -> str:
    return row.uuid or row.identity


def _value(values: tuple[str, ...]) -> str:
    return values[0] if len(values) == 1 else _SEVERAL if values else ""
