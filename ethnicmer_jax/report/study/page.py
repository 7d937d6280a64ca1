"""The report of a study: from the files of its directory to `report/index.html`."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import pandas as pd

from ethnicmer_jax.analysis import calibration, variance_factor
from ethnicmer_jax.analysis.action_units import findings as action_unit_findings
from ethnicmer_jax.analysis.study import controls, exact
from ethnicmer_jax.analysis.study.findings import StudyFindings
from ethnicmer_jax.analysis.study.runs import StudyRuns
from ethnicmer_jax.base.contrast_roles import MAIN
from ethnicmer_jax.base.files import read_table
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.report import explained, files, html_page, methods, provenance
from ethnicmer_jax.report.files import Inputs
from ethnicmer_jax.report.html_page import Document, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.study import sections

_CALIBRATION = ("series", "effect", "rejections", "databases")


def write(directory: pathlib.Path) -> pathlib.Path:
    """Writes `directory/report/`, whole or not at all; the same files give the same bytes.

    Args:
      directory: holds predictions.csv and, where they exist, config.json, metrics.json,
        relabellings.csv and .json (`jobs.study.exact`), matching.csv, action_units.csv
        (`action_units.table`), database_baseline.json and calibration.csv (series, effect,
        rejections, databases). Every score is computed from predictions.csv, and the exact
        test from relabellings.csv.

    Returns:
      The path of index.html.

    Raises:
      UserError: a file is missing or invalid, or there is no run of the main contrast.
    """
    directory = pathlib.Path(directory)
    return html_page.save(build(files.read(directory), directory), directory / "report")


def build(job: Inputs, directory: pathlib.Path) -> Document:
    """The report as data."""
    # What can be refused is, before anything is computed.
    matching = _optional(directory / "matching.csv", ("arm",))
    rejections = _optional(directory / "calibration.csv", _CALIBRATION)
    baseline = controls.database_baseline(directory / "database_baseline.json")
    tested = exact.read(directory)
    runs = StudyRuns.of(job.predictions, variance_factor.classifier_of(job.config))
    members = _members(job, runs)
    found = StudyFindings.of(runs, members, tested)
    units = action_unit_findings.analyse(directory / "action_units.csv", members, found.sides)
    optional = [
        found.groups and sections.groups(found.groups),
        found.reference and sections.reference(found.reference),
        None if matching is None else sections.matching(matching),
        units and sections.action_units(units),
        None if rejections is None else sections.calibration(calibration.with_wilson(rejections)),
    ]
    written = methods.of(job, found.data, found.runs, exact=found.exact)
    return Document(
        title=f"Mono against stereo ethnicity: {job.title}",
        question=text("study.question"),
        warnings=provenance.warnings(job.simulated),
        conclusion=[found.headline, *found.conclusions],
        lead=[sections.main_figure(found)],
        sections=[
            *([sections.exact(found.exact)] if found.exact else []),
            sections.main_result(found),
            *([sections.across_databases(found.across)] if found.across else []),
            sections.controls(found, baseline),
            *(section for section in optional if section),
            *explained.sections(directory),
            provenance.data_card(found.data),
            sections.cells(found.cells, found.runs),
            provenance.what_was_run(job, found.runs),
            Section(
                "methods", "Methods", [Prose(paragraphs("study.methods", factor=found.factor))]
            ),
            written.section(),
            provenance.responsible_use(),
            provenance.reproduce(job),
        ],
        attachments=written.files(),
    )


def _members(job: Inputs, runs: StudyRuns) -> dict[str, str]:
    """Ethnicity -> group; the two groups of the main contrast are among them."""
    if job.grouping is None or job.members is None:
        raise UserError("config.json names no protocol.grouping; restore it beside the predictions")
    sides = runs.sides(MAIN)
    if not set(sides) <= set(job.members.values()):
        raise UserError(
            f"the arms are {' and '.join(sides)}, but the grouping {job.grouping.name} of "
            f"config.json has {' and '.join(job.grouping.names)}; restore config.json"
        )
    return job.members


def _optional(path: pathlib.Path, names: Sequence[str]) -> pd.DataFrame | None:
    """A table; None where there is no such file.

    Raises:
      UserError: the file is no table, or lacks one of the columns.
    """
    if not path.is_file():
        return None
    table = read_table(path)
    missing = sorted(set(names) - set(table.columns))
    if missing:
        raise UserError(f"{path}: no column {', '.join(missing)}")
    return table
