"""The sample dataset as a whole."""

from __future__ import annotations

from dataclasses import replace

from hca_local.sample import bundles, projects, special
from hca_local.sample.values import Dataset, SampleBundle, SampleFile, SampleTombstone


def build() -> Dataset:
    """Return the sample dataset: about 70 bundle versions, the same bytes at each call on each machine."""
    kidney, pancreas, blood, mouse = ([*_plain(project)] for project in projects.PROJECTS)
    donor, later = _donor_update(pancreas[4])
    histories = [
        *([bundle, special.recounted(bundle, "2019-09-12")] for bundle in kidney[:2]),
        special.shrinking_history(kidney[2]),
        [blood[0], special.recounted(blood[0], "2019-09-20")],
        [blood[1], special.recounted(blood[1], "2019-09-21")],
    ]
    everything = [
        *(version for history in histories for version in history),
        *kidney[3:],
        *(pancreas[:5]),
        *(_with_donor(bundle, donor, later) for bundle in pancreas[5:]),
        special.oddly_named(blood[2]),
        *blood[3:],
        special.many_files(mouse[0]),
        *mouse[1:],
    ]
    tombstones = (
        SampleTombstone(blood[0].uuid, histories[3][1].version, "the second count was wrong"),
        SampleTombstone(blood[1].uuid, None, "the donor withdrew"),
    )
    return Dataset(tuple(everything), tombstones)


def _plain(project: projects.Project) -> list[SampleBundle]:
    shared = bundles.Shared(project)
    return [bundles.plain(shared, number) for number in range(project.bundles)]


def _donor_update(bundle: SampleBundle) -> tuple[SampleFile, SampleFile]:
    """Return the donor of `bundle` and its later version, which only the newer bundles of that donor hold."""
    donor = dict(bundle.files)[bundles.NAMES["donor_organism"]]
    return donor, special.revised(donor, "2019-07-02", {"is_living": "unknown"})


def _with_donor(bundle: SampleBundle, donor: SampleFile, later: SampleFile) -> SampleBundle:
    return replace(bundle, files=tuple((name, later if file is donor else file) for name, file in bundle.files))
