"""The report of a study: from the files of its directory to `report/index.html`."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis import effects
from ethnicmer_jax.analysis.advantage import Advantage
from ethnicmer_jax.analysis.controls import placebo_p
from ethnicmer_jax.analysis.study import controls, estimates, verdict
from ethnicmer_jax.analysis.study import groups as study_groups
from ethnicmer_jax.analysis.study.groups import Groups
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.analysis.study.verdict import Verdict
from ethnicmer_jax.base.contrast_roles import MAIN, PLACEBO
from ethnicmer_jax.base.predictions import Predictions
from ethnicmer_jax.base.run_id import is_arm
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.report import document, explained, files, provenance
from ethnicmer_jax.report.document import Document, Section
from ethnicmer_jax.report.files import Inputs
from ethnicmer_jax.report.job import SIMULATED
from ethnicmer_jax.report.sections import data_card
from ethnicmer_jax.report.study import (
    action_units,
    figures,
    groups_section,
    methods,
    reference,
    sections,
)
from ethnicmer_jax.report.style import Figure

_CALIBRATION = ("series", "effect", "rejections", "databases")
QUESTION = (
    "Is the recognition of micro-expressions ethnic-leaning, once database, class balance and "
    "chance are accounted for?"
)


def write(directory: pathlib.Path) -> pathlib.Path:
    """Writes `directory/report/`, whole or not at all; the same files give the same bytes.

    Args:
      directory: holds predictions.csv and, where they exist, config.json, metrics.json,
        matching.csv, action_units.csv (`action_units.table`), database_baseline.json and
        calibration.csv (series, effect, rejections, databases). Every score is computed
        from predictions.csv.

    Returns:
      The path of index.html.

    Raises:
      UserError: a file is missing or invalid, or there is no run of the main contrast.
    """
    directory = pathlib.Path(directory)
    return document.save(build(files.read(directory), directory), directory / "report")


def build(job: Inputs, directory: pathlib.Path) -> Document:
    """The report as data."""
    # What can be refused is, before anything is computed.
    matching, calibration = (
        _optional(directory / "matching.csv", sections.matching, ("arm",)),
        _optional(directory / "calibration.csv", sections.calibration, _CALIBRATION),
    )
    baseline = controls.database_baseline(directory / "database_baseline.json")
    runs = StudyRuns.of(job.predictions)
    members, names = _grouping(job, runs)
    found = estimates.advantages(runs)
    differences, groups, tests = _tested(runs, study_groups.analyse(runs, members, names))
    verdicts = _verdicts(runs, found)
    about_groups = groups and verdict.of_groups(groups, list(tests["p_holm"]))
    cells = estimates.arms(runs)
    optional = [
        groups and groups_section.section(groups, tests, about_groups),
        reference.section(runs),
        matching,
        action_units.section(directory / "action_units.csv", members, names),
        calibration,
    ]
    card = dataclasses.replace(job, predictions=_one_row_a_clip(job))
    return Document(
        title=f"Mono against stereo ethnicity: {job.title}",
        question=QUESTION,
        conclusion=_conclusion(job, verdicts, about_groups),
        sections=[
            _main_result(runs, cells, found, differences),
            _controls(runs, found, verdicts, baseline),
            *(section for section in optional if section),
            *explained.sections(directory),
            data_card(card, card.groups),
            sections.cells(cells, runs.table),
            provenance.what_was_run(job),
            methods.section(),
            provenance.responsible_use(),
            provenance.reproduce(job),
        ],
    )


def _grouping(job: Inputs, runs: StudyRuns) -> tuple[dict[str, str], tuple[str, str]]:
    """Ethnicity -> group, and the two groups in the order of the main contrast."""
    if job.grouping is None:
        raise UserError("config.json names no protocol.grouping; restore it beside the predictions")
    members = {e: group for group, of in job.grouping.groups.items() for e in of}
    first, second = runs.sides(MAIN)
    if not {first, second} <= set(members.values()):
        raise UserError(
            f"the arms are {first} and {second}, but the grouping {job.grouping.name} of "
            f"config.json has {' and '.join(job.grouping.names)}; restore config.json"
        )
    return members, (first, second)


def _tested(
    runs: StudyRuns, groups: Groups | None
) -> tuple[pd.DataFrame, Groups | None, pd.DataFrame]:
    """Differences, groups and group tests, with p values adjusted over all of them."""
    differences = estimates.differences(runs, estimates.planned(runs))
    rows = list(study_groups.tests(groups)) if groups else []
    tests = pd.DataFrame(rows, columns=["test", "measured", "p"])
    together = effects.holm(np.concatenate([differences["p"], tests["p"]]))["p_holm"].to_numpy()
    n = len(differences)
    return differences.assign(p_holm=together[:n]), groups, tests.assign(p_holm=together[n:])


def _verdicts(runs: StudyRuns, found: dict[str, Advantage]) -> list[Verdict]:
    """The main question first, where it can be asked."""
    confounded = verdict.confounded(runs)
    main = verdict.of_advantage(found, confounded=confounded)
    return [*([main] if main else []), *verdict.of_arms(runs, confounded=confounded)]


def _conclusion(job: Inputs, verdicts: Sequence[Verdict], about_groups: str | None) -> list[str]:
    """The main finding in full, the others in a sentence each."""
    main, *others = verdicts
    sentences = [SIMULATED] if job.simulated else []
    sentences += main.finding.sentences
    sentences += [other.finding.sentences[0] for other in others]
    return sentences + ([about_groups] if about_groups else [])


def _main_result(
    runs: StudyRuns,
    cells: pd.DataFrame,
    found: dict[str, Advantage],
    differences: pd.DataFrame,
) -> Section:
    main = cells[cells["part"] == MAIN]
    shown = [MAIN, *controls.within(runs.parts)]
    arms = cells[cells["part"].isin(shown) & cells["cell"].map(is_arm)]
    rows = estimates.advantage_rows({p: found[p] for p in shown if p in found})
    # Without the other side's tests there is a diagonal only.
    matrix = estimates.matrix(main if runs.crossed(MAIN) else main[:0], runs.sides(MAIN))
    return sections.main_result(pd.DataFrame(rows), arms, matrix, differences)


def _controls(
    runs: StudyRuns,
    found: dict[str, Advantage],
    verdicts: Sequence[Verdict],
    baseline: str | None,
) -> Section:
    others = {part: one for part, one in found.items() if part != MAIN}
    frames = [
        pd.DataFrame(estimates.advantage_rows(others)),
        controls.label_differences(runs),
    ]
    return sections.control_section(
        pd.concat([frame for frame in frames if len(frame)] or frames[1:]),
        verdicts,
        _placebos(runs, found),
        [baseline] if baseline else [],
    )


def _placebos(runs: StudyRuns, found: dict[str, Advantage]) -> list[Figure]:
    """The main question and the difference of the mono arms beside placebo groups."""
    drawn = []
    if MAIN in found and PLACEBO in found:
        null = found[PLACEBO].per_draw
        drawn.append(("placebo_advantage", "own-group advantage in UF1", null, found[MAIN]))
    if runs.has(PLACEBO):
        arms = estimates.planned(runs)[0]
        null = controls.placebo_arms(runs)
        drawn.append(("placebo_arms", f"UF1 of {arms.label}", null, arms.estimate(runs)))
    return [
        figures.placebos(
            null[np.isfinite(null)],
            observed.estimate,
            name=name,
            quantity=quantity,
            p=placebo_p(observed.estimate, null),
        )
        for name, quantity, null, observed in drawn
    ]


def _one_row_a_clip(job: Inputs) -> Predictions:
    again = job.predictions.table.duplicated(["database", "subject", "clip"])
    return job.predictions.select(~again)


def _optional(
    path: pathlib.Path,
    section: Callable[[pd.DataFrame], Section],
    columns: Sequence[str] = (),
) -> Section | None:
    """The section of a table, None where there is no such file.

    Raises:
      UserError: the file is no table, or lacks one of the columns.
    """
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path, encoding="utf-8")
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no table: {' '.join(str(error).split())}") from None
    missing = sorted(set(columns) - set(table.columns))
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}")
    return section(table)
