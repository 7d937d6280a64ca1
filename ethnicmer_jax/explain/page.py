"""The page of explanations: conclusion, checks, groups, average maps, single clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd

from ethnicmer_jax.base import labels
from ethnicmer_jax.explain import conclusion
from ethnicmer_jax.explain.findings import ALL, Findings
from ethnicmer_jax.explain.folds import MapName
from ethnicmer_jax.report import columns, explained, provenance
from ethnicmer_jax.report import figures as report_figures
from ethnicmer_jax.report.html_page import Block, Document, Facts, Gallery, Listing, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Column, Table


@dataclasses.dataclass(frozen=True)
class MapFigures:
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
    map_figures: MapFigures,
    facts: Mapping[str, str],
    command: str,
    simulated: bool,
    features: Sequence[Section] = (),
) -> Document:
    """The page as data.

    Args:
      findings: the numbers.
      primary: the map that the conclusion speaks of.
      map_figures: the figures of maps.
      facts: what was explained, term -> value.
      command: what makes the page again.
      simulated: whether the clips are.
      features: sections on the networks' features.
    """
    galleries: Block = Prose(["No clip to show."])
    if map_figures.galleries:
        galleries = Gallery(map_figures.galleries)
    first, others = map_figures.averages[:1], map_figures.averages[1:]
    averages = [Section("averages", "Average maps by group", [Gallery(others)])] if others else []
    how: list[Block] = [Facts(list(facts.items())), Prose(paragraphs("explain.how"))]
    return Document(
        title="Where the networks look",
        question=text("explain.question"),
        warnings=provenance.warnings(simulated),
        conclusion=conclusion.conclusion(findings, primary),
        lead=first,
        sections=[
            *averages,
            Section(
                "clips",
                "Single clips, right and wrong",
                [galleries, Prose(paragraphs("explain.chosen"))],
            ),
            groups(findings, primary),
            *features,
            checks(findings),
            Section("how", "How it was done", how),
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
    forest = report_figures.forest(
        peaks,
        name="peaks",
        caption=text("explain.peaks"),
        xlabel="share of clips",
        references={"chance": float(peaks["chance"].mean())},
    )
    tables = [
        _correlations("resemblance", text("explain.resemblance"), findings.similarity, "weights"),
        _correlations("agreement", text("explain.agreement"), findings.agreement, None),
    ]
    blocks: list[Block] = [
        Prose(paragraphs("explain.checks")),
        Gallery([forest]),
        *(t for t in tables if t),
    ]
    return Section("checks", "Do the maps show the network?", blocks)


def groups(findings: Findings, primary: MapName) -> Section:
    """The regions of the face, by group."""
    if findings.tests.empty:
        return Section("groups", "Groups", [Prose(conclusion.groups(findings, primary))])
    a, b = map(labels.group, findings.groups)
    head, branch = primary[1].head, primary[1].branch
    tests = findings.tests
    shown = tests[(tests.emotion == ALL) & (tests["head"].isin([head, "none"]))]
    shown = shown[shown.branch.isin([branch, "input"])]
    forest = report_figures.forest(
        shown.assign(
            section=shown.method.map(explained.METHODS),
            label=shown.region,
            estimate=shown.difference,
        ),
        name="regions",
        caption=text("explain.regions", first=a, second=b),
        xlabel="difference of shares",
        references={"no difference": 0.0},
        signed=True,
    )
    of_primary = shown[(shown.method == primary[0]) & (shown["head"] == head)]
    tables = [
        explained.region_table(of_primary, findings.groups, "primary_regions"),
        _every_test(tests, findings.groups),
    ]
    return Section("groups", "Regions of the face, by group", [Gallery([forest]), *tables])


def _correlations(name: str, caption: str, frame: pd.DataFrame, first: str | None) -> Table | None:
    if frame.empty:
        return None
    shown = [columns.text("Compared with", first)] if first else []
    shown += [
        columns.text("Map", "label"),
        Column("Correlation [95% interval]", "{correlation:score2} [{low:score2}, {high:score2}]"),
        columns.count("Clips", "n_clips"),
    ]
    return Table(name, caption, frame.assign(label=_labels(frame)), shown)


def _every_test(tests: pd.DataFrame, groups: tuple[str, ...]) -> Table:
    return Table(
        "every_region",
        text("explain.every_region", rows=f"{len(tests):,}"),
        tests.assign(label=_labels(tests)),
        [
            columns.text("Map", "label"),
            columns.text("Emotion", "emotion"),
            *explained.region_columns(groups),
            Column("Subjects", "{persons_a} + {persons_b}"),
        ],
        collapsed=True,
    )


def _labels(frame: pd.DataFrame) -> pd.Series:
    """What each row's map is called; head and branch only where there are several."""
    method = frame["method"].map(explained.METHODS)
    of_network = frame["head"] != "none"
    if len(frame.loc[of_network, ["head", "branch"]].drop_duplicates()) == 1:
        return method
    return method.where(
        ~of_network, method + ": " + frame["head"] + " head, " + frame["branch"] + " branch"
    )
