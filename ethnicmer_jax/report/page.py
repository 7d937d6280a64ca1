"""The report of a job: from the files of a work directory to `report/index.html`."""

from __future__ import annotations

import pathlib

import numpy as np

from ethnicmer_jax import metrics
from ethnicmer_jax.predictions import Predictions
from ethnicmer_jax.report import conclusion, document, inputs, results, sections
from ethnicmer_jax.report.conclusion import Control
from ethnicmer_jax.report.document import Document

LEVEL = 0.95


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
    return document.save(build(inputs.read(workdir)), workdir / "report")


def build(job: inputs.Inputs) -> Document:
    """The report as data."""
    predictions = job.predictions
    group = metrics.group_labels(predictions, job.grouping)
    parts = results.part_scores(predictions, group)
    runs = results.run_scores(predictions)
    return Document(
        title=str(job.config.get("title") or f"Micro-expression recognition: {_name(job)}"),
        question="Does the model recognise micro-expressions better than a baseline, and "
        "equally well in every ethnic group?",
        conclusion=conclusions(predictions, group, parts),
        sections=[
            sections.main_results(job, parts, runs),
            sections.data_card(job, group),
            sections.part_tables(job, parts, group),
            sections.learning_curves(job.scalars),
            sections.runs_section(runs),
            sections.what_was_run(job),
            sections.methods(job),
            sections.responsible_use(),
            sections.reproduce(job),
        ],
    )


def conclusions(predictions: Predictions, group: np.ndarray, parts) -> list[str]:
    """What can be said about the score and about each pair of groups."""
    majority = results.baselines(predictions)["majority class"]["uf1"]
    first = conclusion.above_baseline(
        parts.iloc[0], majority, score="UF1", baseline_name="majority-class baseline"
    )
    pairs = results.group_pairs(group)
    if not pairs:
        return [first, "Only one ethnic group was tested, so groups cannot be compared here."]
    level = 1 - (1 - LEVEL) / len(pairs)
    compared = [_compare(predictions, group, pair, level) for pair in pairs]
    return [first, *(sentence for found in compared for sentence in found.sentences)]


def _compare(
    predictions: Predictions, group: np.ndarray, pair: tuple[str, str], level: float
) -> conclusion.Conclusion:
    """The finding about one pair of groups, controlled within databases where possible."""
    observed = results.group_difference(predictions, group, pair, level=level)
    database = predictions.table["database"].to_numpy(object)
    controls = []
    if len(set(database)) > 1:
        for name in results.comparable_databases(predictions, group, pair):
            inside = database == name
            within = results.group_difference(
                predictions.select(inside), group[inside], pair, level=level
            )
            controls.append(
                Control(
                    f"within {name}",
                    conclusion.confirms(observed, within),
                    f"within {name} {conclusion.interval_text(within)}",
                    separates_database=True,
                )
            )
    return conclusion.conclude(
        observed,
        pair,
        controls,
        confounded=results.confounded(predictions, group, pair),
        level=level,
        detectable=observed.standard_error * 2.8,
    )


def _name(job: inputs.Inputs) -> str:
    return str(job.config.get("name") or job.name)
