"""The page of explanations: conclusion, checks, groups, average maps, single clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd

from ethnicmer_jax.explain import wording
from ethnicmer_jax.explain.findings import ALL, Findings
from ethnicmer_jax.explain.folds import MapName
from ethnicmer_jax.report import explained, figures, provenance
from ethnicmer_jax.report.document import Block, Document, Facts, Gallery, Listing, Prose, Section
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Column, Table


@dataclasses.dataclass(frozen=True)
class Drawn:
    """The figures of maps.

    Attributes:
      averages: of every map, the primary one first.
      galleries: of single clips, by group and emotion.
    """

    averages: Sequence[Figure]
    galleries: Sequence[Figure]


def build(
    findings: Findings,
    primary: MapName,
    drawn: Drawn,
    facts: Mapping[str, str],
    command: str,
    simulated: bool,
) -> Document:
    """The page as data.

    Args:
      findings: the numbers.
      primary: the map that the conclusion speaks of.
      drawn: the figures of maps.
      facts: what was explained, term -> value.
      command: what makes the page again.
      simulated: whether the clips are.
    """
    return Document(
        title="Where the networks look",
        question="Which parts of the face decide, are they the same in every group, and do the "
        "maps show the network at all?",
        conclusion=[*provenance.warnings(simulated), *wording.conclusion(findings, primary)],
        sections=[
            checks(findings),
            groups(findings, primary),
            Section("averages", "Average maps by group", [Gallery(drawn.averages)]),
            Section("clips", "Single clips, right and wrong", [Prose([_CHOSEN]), *_all(drawn)]),
            Section("how", "How it was done", [Facts(list(facts.items())), Prose(_HOW)]),
            Section("again", "Make it again", [Listing(command)]),
        ],
    )


def checks(findings: Findings) -> Section:
    """What the maps are worth: random weights, random labels, occlusion."""
    peaks = findings.peaks.assign(
        label=_labels(findings.peaks),
        section=findings.peaks["weights"],
        estimate=findings.peaks["rate"],
    )
    forest = figures.forest(
        peaks,
        name="peaks",
        caption="How often the largest value of a map lies where the face moves (at least 30% of "
        "the clip's largest motion), with 95% intervals from resampling subjects. The line is "
        "the share of the face that moves.",
        xlabel="share of clips",
        references={"chance": float(peaks["chance"].mean())},
    )
    tables = [_correlations("resemblance", _RESEMBLANCE, findings.similarity, "weights")]
    tables.append(_correlations("agreement", _AGREEMENT, findings.agreement, None))
    blocks = [Prose(_CHECKS), Gallery([forest]), *(table for table in tables if table)]
    return Section("checks", "Do the maps show the network?", blocks)


_CHECKS = [
    "A map is evidence about a network only if it changes with the network. So every map was "
    "made again with random weights and by folds trained on shuffled emotions (Adebayo et al. "
    "2018). Where the input is motion, even a random network answers to what moves: the rate "
    "under random weights, and not chance alone, is what the trained network has to exceed."
]
_RESEMBLANCE = (
    "Spearman's rank correlation of each clip's map with the trained network's, mean over clips "
    "with 95% intervals from resampling subjects. Near 0: the map depends on what was learnt."
)
_AGREEMENT = (
    "Spearman's rank correlation of each clip's map with its occlusion map, mean over clips with "
    "95% intervals from resampling subjects."
)


def _correlations(name: str, caption: str, frame: pd.DataFrame, first: str | None) -> Table | None:
    if frame.empty:
        return None
    labelled = frame.assign(label=_labels(frame))
    columns = [Column("Map", "{label}", False)]
    if first:
        columns.insert(0, Column("Compared with", f"{{{first}}}", False))
    columns += [
        Column("Correlation [95% interval]", "{correlation:.2f} [{low:.2f}, {high:.2f}]"),
        Column("Clips", "{n_clips:,}"),
    ]
    return Table(name, caption, labelled, columns)


def groups(findings: Findings, primary: MapName) -> Section:
    """The regions of the face, by group."""
    if findings.tests.empty:
        return Section("groups", "Groups", [Prose(wording.groups(findings, primary))])
    a, b = findings.groups
    head, branch = primary[1].head, primary[1].branch
    tests = findings.tests
    shown = tests[(tests.emotion == ALL) & (tests["head"].isin([head, "none"]))]
    shown = shown[shown.branch.isin([branch, "input"])]
    lines = shown.assign(
        section=shown.method.map(explained.METHODS),
        label=shown.region,
        estimate=shown.difference,
    )
    forest = figures.forest(
        lines,
        name="regions",
        caption=f"Share of the map on each region, {a} less {b}, mean over subjects, with 95% "
        "intervals from resampling subjects; last, the same for the motion of the clips "
        "themselves, which no network made.",
        xlabel="difference of shares",
        references={"no difference": 0.0},
        signed=True,
    )
    mine = shown[(shown.method == primary[0]) & (shown["head"] == head)]
    tables = [
        explained.region_table(mine, findings.groups, "primary_regions"),
        _every_test(tests, findings.groups),
    ]
    return Section("groups", "Regions of the face, by group", [Gallery([forest]), *tables])


def _every_test(tests: pd.DataFrame, groups: tuple[str, ...]) -> Table:
    labelled = tests.assign(label=_labels(tests))
    return Table(
        "every_region",
        f"Every map, emotion and region ({len(tests):,} rows); Holm's correction is over the six "
        "regions of a map and emotion",
        labelled,
        [
            Column("Map", "{label}", False),
            Column("Emotion", "{emotion}", False),
            *explained.region_columns(groups),
            Column("Subjects", "{persons_a} + {persons_b}"),
        ],
        collapsed=True,
    )


def _all(drawn: Drawn) -> list[Block]:
    if not drawn.galleries:
        return [Prose(["No clip to show."])]
    return [Gallery(drawn.galleries)]


_CHOSEN = (
    "Up to two clips of each kind that are recognised and two that are not, drawn at random by a "
    "fixed seed, not chosen by eye. All clips are in the folder overlays. Motion is drawn as a "
    "colour wheel (hue: direction, saturation: length) where the database has no frames."
)
_HOW = [
    "Every clip is explained by the network of its own held-out fold, which never saw its "
    "subject; as it is, not mirrored, while predictions average a clip and its mirror image, so "
    "a borderline clip may be right here and wrong there.",
    "Grad-CAM (Selvaraju et al. 2017) weighs the channels of a feature map, the last one unless "
    "--layer names another, by their mean gradient; HiResCAM (Draelos and Carin 2020) weighs every "
    "place by its own gradient and is left out where it is the same. Both keep positive values "
    "only. Occlusion covers a square of "
    "a quarter of the width with the clip's median and measures by how much the logit falls; "
    "only falls enter shares and correlations.",
    "Faces are aligned by the pupils, so regions are fixed boxes in units of the pupils' "
    "distance. For clips that come cropped and without landmarks, as public flow images do, the "
    "same layout is assumed unless --eyes names another; see the outline over the average "
    "motion.",
    "A map says where a network's evidence lies, not why, and nothing about a person.",
]


def _labels(frame: pd.DataFrame) -> pd.Series:
    """What each row's map is called; head and branch only where there are several."""
    method = frame["method"].map(explained.METHODS)
    made = frame["head"] != "none"
    if len(frame.loc[made, ["head", "branch"]].drop_duplicates()) == 1:
        return method
    return method.where(
        ~made, method + ": " + frame["head"] + " head, " + frame["branch"] + " branch"
    )
