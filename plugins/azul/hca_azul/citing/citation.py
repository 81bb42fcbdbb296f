"""What is cited of a project: who made it, what it is called, where it is, and when it was looked at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from hca_azul import projects
from hca_azul.values import as_list

if TYPE_CHECKING:
    from hca_azul.projects import Project
    from hca_azul.service import AzulService

# Where people look at the data of an atlas (contract §2), and what that place is called.
_PORTALS = {
    "hca": ("Human Cell Atlas Data Portal", "https://explore.data.humancellatlas.org"),
    "lungmap": ("LungMAP Data Browser", "https://data-browser.lungmap.net"),
}
# Who prepared the entry of a project did not make the data; the portal lists them apart, too.
_NO_AUTHORS = ("curator", "wrangler")
_DOI = re.compile(r"(?:https?://(?:dx\.)?doi\.org/|doi:)?\s*(10\.\d{4,9}/\S+)", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})T.*")


class Name(NamedTuple):
    """A person, or with `given` empty a group or laboratory."""

    family: str
    given: str = ""


class Publication(NamedTuple):
    """A paper on a project; "" where something is not told."""

    title: str
    doi: str
    url: str

    @property
    def address(self) -> str:
        """Where it is."""
        return f"https://doi.org/{self.doi}" if self.doi else self.url


@dataclass(frozen=True)
class Citation:
    """What is cited of a project in one catalog.

    `publisher` is the portal. `release` is the name of the catalog, which is that of the data release. `issued` is the
    day of its first submission, (year, month, day), () if it is not told. `accessed` is the day of the look.
    `accessions` are of the form `geo_series:GSE1`.
    """

    project_id: str
    short_name: str
    title: str
    authors: tuple[Name, ...]
    issued: tuple[int, ...]
    publisher: str
    release: str
    accessed: date
    accessions: tuple[str, ...]
    publications: tuple[Publication, ...]
    url: str

    @property
    def key(self) -> str:
        """What programs for references know it by: the same in every run."""
        name = re.sub(r"[^A-Za-z0-9]+", "", self.short_name)[:40] or "project"
        return f"{name}_{self.project_id[:8]}"

    def document(self) -> dict[str, Any]:
        """Return it as a document."""
        return {
            "project_id": self.project_id,
            "project": self.short_name,
            "title": self.title,
            "contributors": [f"{name.given} {name.family}".strip() for name in self.authors],
            "issued": "-".join(f"{part:02}" for part in self.issued) or None,
            "publisher": self.publisher,
            "release": self.release,
            "accessed": self.accessed.isoformat(),
            "accessions": list(self.accessions),
            "publications": [one._asdict() for one in self.publications],
            "url": self.url,
        }


def cited(service: AzulService, text: str, *, accessed: date | None = None) -> Citation:
    """Return what is to be cited of the project that `text` names, seen today if `accessed` is None.

    Raises NotFoundError, UsageError, AzulError.
    """
    project = projects.find(service, text)
    catalogs = service.catalogs["catalogs"]
    atlas = catalogs[project.catalog].get("atlas", "") if project.catalog in catalogs else ""
    return of_project(project, atlas=atlas, accessed=accessed or datetime.now().astimezone().date())


def of_project(project: Project, *, accessed: date, atlas: str = "hca") -> Citation:
    """Return what is to be cited of a project of an `atlas` that was looked at on the day `accessed`."""
    inner = project.inner
    publisher, portal = _PORTALS.get(atlas, _PORTALS["hca"])
    title = _text(inner.get("projectTitle")) or project.name or project.id
    return Citation(
        project.id,
        _text(project.name),
        title,
        _authors(inner),
        _issued(project.hit),
        publisher,
        project.catalog,
        accessed,
        tuple(
            f"{_text(one.get('namespace'))}:{_text(one.get('accession'))}"
            for one in _mappings(inner.get("accessions"))
            if one.get("accession")
        ),
        tuple(_publication(one) for one in _mappings(inner.get("publications")) if one.get("publicationTitle")),
        f"{portal}/projects/{project.id}?catalog={project.catalog}",
    )


def _authors(inner: dict[str, Any]) -> tuple[Name, ...]:
    """Return the contributors in the service's order, each once; else the laboratories."""
    people = _mappings(inner.get("contributors"))
    made = [one for one in people if not any(role in _text(one.get("projectRole")).lower() for role in _NO_AUTHORS)]
    names = [_name(_text(one.get("contactName"))) for one in made if _text(one.get("contactName"))]
    groups = [Name(text) for one in as_list(inner.get("laboratory")) if (text := _text(one))]
    return tuple(dict.fromkeys(names or groups))


def _name(text: str) -> Name:
    """Return a name of the atlas's metadata, `first,middle,last`; one of another form is taken as it is."""
    parts = [" ".join(part.split()) for part in text.split(",")]
    if len(parts) not in (2, 3) or not parts[-1]:
        return Name(" ".join(part for part in parts if part))
    return Name(parts[-1], " ".join(part for part in parts[:-1] if part))


def _issued(hit: dict[str, Any]) -> tuple[int, ...]:
    for one in _mappings(hit.get("dates")):
        match = _DATE.fullmatch(_text(next(iter(as_list(one.get("submissionDate"))), None)))
        if match:
            return tuple(int(part) for part in match.groups())
    return ()


def _publication(one: dict[str, Any]) -> Publication:
    doi = _DOI.fullmatch(_text(one.get("doi")))
    return Publication(_text(one.get("publicationTitle")), doi[1] if doi else "", _address(one.get("publicationUrl")))


def _address(value: Any) -> str:
    """Return the URL of a paper; what is none, or would be more than text in a document, is left out."""
    text = _text(value)
    return text if re.fullmatch(r"https?://[!-~]+", text) else ""


def _mappings(value: Any) -> list[dict[str, Any]]:
    return [one for one in as_list(value) if isinstance(one, dict)]


def _text(value: Any) -> str:
    """Return a value as text of one line, with nothing in it that moves a terminal."""
    text = "" if value is None else " ".join(str(value).split())
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
