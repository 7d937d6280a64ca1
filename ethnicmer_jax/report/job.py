"""The report of a job: from the files of a work directory to `report/index.html`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import pandas as pd

from ethnicmer_jax.analysis import comparisons, conclusion, results
from ethnicmer_jax.analysis.conclusion import Range
from ethnicmer_jax.report import document, explained, files, provenance, sections
from ethnicmer_jax.report.document import Document, Section

SIMULATED = "The clips are simulated: what follows tests the program and says nothing about people."


def write(workdir: pathlib.Path) -> pathlib.Path:
    """Writes `workdir/report/`, whole or not at all; the same files give the same bytes.

    Args:
      workdir: holds predictions.csv and, where they exist, config.json, metrics.json and
        scalars.jsonl. Scores are always computed from predictions.csv.

    Returns:
      The path of index.html.

    Raises:
      UserError: a file is missing, invalid or disagrees with another (see `inputs.read`).
    """
    workdir = pathlib.Path(workdir)
    made = build(files.read(workdir), explained.sections(workdir))
    return document.save(made, workdir / "report")


def build(job: files.Inputs, more: Sequence[Section] = ()) -> Document:
    """The report as data, with `more` after the results."""
    group = job.groups
    parts = results.part_scores(job.predictions, group)
    runs = results.run_scores(job.predictions)
    compared = comparisons.compare_all(job.predictions, group)
    return Document(
        title=f"Micro-expression recognition: {job.title}",
        question="Does the model recognise micro-expressions better than a baseline, and "
        "equally well in every ethnic group?",
        conclusion=conclusions(job, parts, compared),
        sections=[
            sections.main_results(job, parts),
            sections.differences(compared),
            sections.data_card(job, group),
            sections.part_tables(job, parts, group),
            sections.learning_curves(job.scalars),
            sections.runs_section(runs),
            *more,
            provenance.what_was_run(job),
            provenance.methods(),
            provenance.responsible_use(),
            provenance.reproduce(job),
        ],
    )


def conclusions(
    job: files.Inputs, parts: pd.DataFrame, compared: Sequence[comparisons.Comparison]
) -> list[str]:
    """What can be said about each arm's score and about each difference."""
    arm = results.arms(job.predictions)
    names = list(dict.fromkeys(arm))
    sentences = [SIMULATED] if job.simulated else []
    for name, row in zip(names, parts.head(len(names)).itertuples(), strict=True):
        baselines = results.baselines(job.predictions.select(arm == name))
        sentences.append(
            conclusion.above_baseline(
                Range(row.uf1, row.uf1_low, row.uf1_high),
                baselines["majority class"]["uf1"],
                score="UF1" if len(names) == 1 else f"UF1 of {name}",
                baseline_name="majority-class baseline",
            )
        )
    if not any(comparison.of == "groups" for comparison in compared):
        sentences.append("No arm tested two ethnic groups, so groups are not compared here.")
    for comparison in compared:
        context = f"Arm {comparison.where}. " if comparison.where else ""
        sentences.append(context + " ".join(comparison.finding.sentences))
    return sentences
