"""A citation as one paragraph, in the order that journals ask of data sets: who, when, what, where, seen when."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hca_azul.citing.citation import Citation, Name

_MOST_AUTHORS = 10
# How the archives call themselves; others are told by the name that the service has for them.
_ARCHIVES = {
    "array_express": "ArrayExpress",
    "biostudies": "BioStudies",
    "dbgap": "dbGaP",
    "ega": "EGA",
    "geo_series": "GEO",
    "insdc_project": "INSDC",
    "insdc_study": "INSDC",
}


def written(citation: Citation) -> str:
    """Return the citation of a data set (DataCite: creators, year, title, publisher, identifier), and of its papers."""
    authors = _listed(citation)
    year = f"({citation.issued[0]})" if citation.issued else "(n.d.)"
    parts = [
        f"{authors} {year}." if authors else f"{year}.",
        f"{_ended(citation.title)} [Data set].",
        f"{citation.publisher}, project {citation.project_id}, data release {citation.release}.",
        f"{citation.url} (accessed {citation.accessed.isoformat()}).",
    ]
    if citation.accessions:
        parts.append(f"Accessions: {', '.join(map(archived, citation.accessions))}.")
    for one in citation.publications:
        parts.append(f"Publication: {_ended(one.title)}." + (f" {one.address}" if one.address else ""))
    return " ".join(parts)


def archived(accession: str) -> str:
    """Return an accession with the name of its archive: `GEO GSE81547`."""
    namespace, _, number = accession.partition(":")
    return f"{_ARCHIVES.get(namespace, namespace)} {number}".strip()


def _listed(citation: Citation) -> str:
    names = [_short(name) for name in citation.authors]
    if len(names) > _MOST_AUTHORS:
        return ", ".join(names[:_MOST_AUTHORS]) + ", et al."
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def _short(name: Name) -> str:
    initials = " ".join(f"{part[0]}." for part in name.given.replace("-", " ").split())
    return f"{name.family}, {initials}" if initials else name.family


def _ended(title: str) -> str:
    return title.rstrip().rstrip(".")
