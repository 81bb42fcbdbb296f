"""Hits of projects, made by hand from the contract (§5, §12)."""

from __future__ import annotations

from typing import Any

ID = "e8642221-4c2c-4fd7-b926-a68bce363c88"
PAGE = f"https://explore.data.humancellatlas.org/projects/{ID}"


def leaf(number: int, name: str, file_format: str, **changes: Any) -> dict[str, Any]:
    """Return a file as the leaves of trees tell it."""
    uuid = f"{number:08}-0000-4000-8000-000000000000"
    return {
        "uuid": uuid,
        "version": "2020-01-01T00:00:00.000000Z",
        "name": name,
        "format": file_format,
        "size": 100.0 * number,
        "sha256": f"{number:064}",
        "drs_uri": f"drs://data.terra.bio/v1_{uuid}",
        "azul_url": f"https://azul.example.org/repository/files/{uuid}?catalog=new",
        "azul_mirror_uri": f"s3://humancellatlas/file/{number:064}.sha256",
        "fileSource": "DCP/2 Analysis",
        "contentDescription": ["Count Matrix"],
        "isIntermediate": False,
        "matrixCellCount": 54140.0,
        **changes,
    }


EYE_LUNG = leaf(1, "all.loom", "loom")
EYE = leaf(2, "eye.h5ad", ".H5AD", matrixCellCount=None)
GEO = leaf(3, "GSE1.tsv.gz", "tsv.gz", fileSource=["GEO"])
MATRICES = {
    "genusSpecies": {
        "Homo sapiens": {
            "developmentStage": {
                "adult": {"organ": {"eye": {"libraryConstructionApproach": {"10X v2 sequencing": [EYE_LUNG, EYE]}}}},
                "Unspecified": {"organ": {"lung": {"libraryConstructionApproach": {"10X v2 sequencing": [EYE_LUNG]}}}},
            }
        }
    }
}
# Other dimensions, in another order.
CONTRIBUTED = {"organ": {"eye": {"genusSpecies": {"Homo sapiens": [GEO]}}}}


def project(**changes: Any) -> dict[str, Any]:
    """Return the hit of a project."""
    inner = {
        "projectId": ID,
        "projectTitle": "Single cell & spatial 100% survey of {human} eye_lung",
        "projectShortname": "EyeLung",
        "laboratory": ["Regev Lab"],
        "contributors": [
            {"contactName": "Aviv,,Regev", "projectRole": "principal investigator"},
            {"contactName": "Mary Ann,B.,van der Berg", "projectRole": None},
            {"contactName": "Human Cell Atlas and Friends", "projectRole": None},
            {"contactName": "Aviv,,Regev", "projectRole": "co-investigator"},
            {"contactName": "Wrangler,,Person", "projectRole": "data wrangler"},
            {"contactName": "Carla,,Curator", "projectRole": "Human Cell Atlas wrangler"},
            {"contactName": None},
        ],
        "publications": [
            {
                "publicationTitle": "An eye on the lung.",
                "publicationUrl": "https://example.org/a_b",
                "officialHcaPublication": True,
                "doi": "10.1016/j.cell_1%7B",
            },
            {"publicationTitle": "A preprint", "publicationUrl": "javascript:alert(1)", "doi": None},
        ],
        "accessions": [{"namespace": "geo_series", "accession": "GSE81547"}, {"namespace": "x", "accession": None}],
        "matrices": MATRICES,
        "contributedAnalyses": CONTRIBUTED,
        **changes,
    }
    return {
        "entryId": ID,
        "projects": [inner],
        "dates": [{"submissionDate": "2019-05-23T10:11:12.000000Z", "updateDate": None}],
    }
