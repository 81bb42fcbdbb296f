"""Identities that published examples name: with them the examples run as printed. All others come out of the seed."""

from __future__ import annotations

from hca_local.sample import streams

# What (see documents.py and bundles.py) -> the uuid and the version that examples give it.
PUBLISHED = {
    "bundle PancreasIsletAgeing 0": ("ffffaf55-f19c-40e3-aa81-a6c69d357265", "2019-08-01T200147.836832Z"),
    "bundle PancreasIsletAgeing 1": ("fff746b3-e3eb-496a-88a3-5fa1fa358392", "2019-08-01T200147.130156Z"),
    "bundle PancreasIsletAgeing 2": ("002aeac5-4d74-462d-baea-88f5c620cb50", "2019-08-01T200147.836900Z"),
    "bundle PancreasIsletAgeing 3": ("fff807ba-bc98-4247-a560-49fb90c9675c", "2019-08-01T200147.111027Z"),
    "bundle PancreasIsletAgeing 4": ("fff54b87-26fe-42a9-be54-3f5a7ef8176e", "2019-03-26T131455.775610Z"),
    "bundle PancreasIsletAgeing 5": ("ff818282-9735-45fa-a094-e9f2d3d0a954", "2019-08-06T170839.843085Z"),
    "donor_organism PancreasIsletAgeing 1": ("6887bd52-8bea-47d9-bbd9-ff71e05faeee", "2019-01-30T165057.189000Z"),
    "specimen_from_organism PancreasIsletAgeing 0": (
        "577a91d8-e579-41b6-9353-7e4e774c161a",
        "2019-07-09T222811.151000Z",
    ),
    "specimen_from_organism PancreasIsletAgeing 1": (
        "05998af7-fa6f-44fe-bd16-ac8eafb42f28",
        "2019-07-09T222953.739000Z",
    ),
    "cell_suspension PancreasIsletAgeing 0": ("134c0f04-76ae-405d-aea4-b72c08a53dd9", "2019-07-09T230754.589000Z"),
    "cell_suspension PancreasIsletAgeing 2": ("c14b99ea-d8e2-4c84-9dc2-ce2245d8a743", "2019-07-09T231935.003000Z"),
    "sequence_file PancreasIsletAgeing 1 2": ("666ff3f0-67a1-4ead-82e9-3f96a8c0a9b1", "2019-02-19T171710.540000Z"),
    "process dissociation PancreasIsletAgeing 0": (
        "2196a626-38da-4489-8b2f-645d342f6aab",
        "2019-07-10T001103.121000Z",
    ),
    "links PancreasIsletAgeing 0": ("dbf7bd27-b58e-431d-ba05-6a48f29e7cef", "2019-08-03T150636.118831Z"),
    "reads KidneyTubuleAtlas 4 1": ("7a8fbda7-d470-467a-904e-5c73413fab3e", "2019-07-16T093012.447000Z"),
    "reads PancreasIsletAgeing 0 2": ("1330ef1a-7a21-40c6-84c5-5cec18204028", "2019-08-03T150636.729022Z"),
}

# The job of a finished checkout that examples ask for, and the bundle that it was about.
CHECKOUT_JOB = "4de1c603-fa8b-4c07-af37-06159e6951e0"
CHECKED_OUT = "bundle PancreasIsletAgeing 4"

# What examples find in the buckets of the S3 server: a bucket to upload to, and objects to register files from.
BUCKETS = ("upload-test-unittest", "jeffwu-test", "org-humancellatlas-dss-cli-test")
SOURCES = {
    ("jeffwu-test", "ead6434d-efb5-4554-98bc-027e160547c5/get_bundle.json"): b'{"bundle": "from Python"}\n',
    ("org-humancellatlas-dss-cli-test", "930a927d-0138-4a79-8c87-e45936fe4fc3/get_bundle.json"): (
        b'{"bundle": "from the command line"}\n'
    ),
}

RUNS = {"PancreasIsletAgeing 0": "SRR6579532", "PancreasIsletAgeing 1": "SRR6546754"}


def of(name: str, day: str) -> tuple[str, str]:
    """Return uuid and version of `name`: the published ones, or those of the seed on the date `day`."""
    return PUBLISHED.get(name) or (streams.uuid(name), streams.version(name, day))


def run(name: str) -> str:
    """Return the accession of the sequencing run of the bundle `name`."""
    return RUNS.get(name) or f"SRR{streams.number(f'run {name}', 6_600_000, 6_999_999)}"
