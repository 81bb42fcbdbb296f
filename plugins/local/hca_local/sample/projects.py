"""The invented projects of the sample dataset and the vocabulary of their metadata."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Term:
    """A word of an ontology."""

    text: str
    ontology: str
    label: str

    def document(self) -> dict[str, str]:
        """Return it as metadata documents spell it."""
        return {"text": self.text, "ontology": self.ontology, "ontology_label": self.label}


@dataclass(frozen=True)
class Project:
    """One project: what all its bundles have in common, and how many they are.

    Two bundles share a specimen and four a donor.
    """

    short_name: str
    title: str
    description: str
    species: Term
    taxon: int
    organ: Term
    organ_parts: tuple[Term, ...]
    diseases: tuple[Term, ...]
    library: Term
    nucleic_acid_source: str
    end_bias: str
    paired_end: bool
    instrument: Term
    dissociation: str
    collection: str
    submitted: str
    bundles: int


HUMAN = Term("Homo sapiens", "NCBITaxon:9606", "Homo sapiens")
MOUSE = Term("Mus musculus", "NCBITaxon:10090", "Mus musculus")
KIDNEY = Term("kidney", "UBERON:0002113", "kidney")
PANCREAS = Term("pancreas", "UBERON:0001264", "pancreas")
BLOOD = Term("blood", "UBERON:0000178", "blood")
DROPLET = Term("10X v2 sequencing", "EFO:0009310", "10X v2 sequencing")
PLATE = Term("Smart-seq2", "EFO:0008931", "Smart-seq2")
SEQUENCING = Term("tag based single cell RNA sequencing", "EFO:0008440", "tag based single cell RNA sequencing")
NORMAL = Term("normal", "PATO:0000461", "normal")

KIDNEY_PROJECT = Project(
    short_name="KidneyTubuleAtlas",
    title="Cell types along the tubule of the adult human kidney",
    description="An invented project: droplet sequencing of cortex and medulla of six donors.",
    species=HUMAN,
    taxon=9606,
    organ=KIDNEY,
    organ_parts=(
        Term("cortex of kidney", "UBERON:0001225", "cortex of kidney"),
        Term("renal medulla", "UBERON:0000362", "renal medulla"),
    ),
    diseases=(NORMAL,),
    library=DROPLET,
    nucleic_acid_source="single cell",
    end_bias="3 prime tag",
    paired_end=False,
    instrument=Term("Illumina HiSeq 4000", "EFO:0008563", "Illumina HiSeq 4000"),
    dissociation="enzymatic dissociation",
    collection="surgical resection",
    submitted="2019-05-14",
    bundles=22,
)
PANCREAS_PROJECT = Project(
    short_name="PancreasIsletAgeing",
    title="Islet cells of the human pancreas between youth and old age",
    description="An invented project: plate-based sequencing of single islet cells of six donors.",
    species=HUMAN,
    taxon=9606,
    organ=PANCREAS,
    organ_parts=(
        Term("islet of Langerhans", "UBERON:0000006", "islet of Langerhans"),
        Term("body of pancreas", "UBERON:0001150", "body of pancreas"),
    ),
    diseases=(NORMAL, Term("type 2 diabetes mellitus", "MONDO:0005148", "type 2 diabetes mellitus")),
    library=PLATE,
    nucleic_acid_source="single cell",
    end_bias="full length",
    paired_end=True,
    instrument=Term("Illumina NextSeq 500", "EFO:0009173", "Illumina NextSeq 500"),
    dissociation="enzymatic dissociation",
    collection="organ donation",
    submitted="2019-01-30",
    bundles=24,
)
BLOOD_PROJECT = Project(
    short_name="CordBloodImmune",
    title="Immune cells of umbilical cord blood",
    description="An invented project: droplet sequencing of mononuclear cells of three donors.",
    species=HUMAN,
    taxon=9606,
    organ=BLOOD,
    organ_parts=(Term("umbilical cord blood", "UBERON:0012168", "umbilical cord blood"),),
    diseases=(NORMAL,),
    library=DROPLET,
    nucleic_acid_source="single cell",
    end_bias="3 prime tag",
    paired_end=False,
    instrument=Term("Illumina HiSeq X", "EFO:0008567", "Illumina HiSeq X"),
    dissociation="density gradient centrifugation",
    collection="cord puncture",
    submitted="2019-06-03",
    bundles=12,
)
MOUSE_PROJECT = Project(
    short_name="MouseKidneyPilot",
    title="Nuclei of the mouse kidney, a pilot",
    description="An invented project: nuclei of two mice, plate by plate.",
    species=MOUSE,
    taxon=10090,
    organ=KIDNEY,
    organ_parts=(Term("cortex of kidney", "UBERON:0001225", "cortex of kidney"),),
    diseases=(),
    library=PLATE,
    nucleic_acid_source="single nucleus",
    end_bias="full length",
    paired_end=True,
    instrument=Term("Illumina HiSeq 2500", "EFO:0008565", "Illumina HiSeq 2500"),
    dissociation="mechanical dissociation",
    collection="dissection",
    submitted="2019-06-20",
    bundles=8,
)
PROJECTS = (KIDNEY_PROJECT, PANCREAS_PROJECT, BLOOD_PROJECT, MOUSE_PROJECT)
