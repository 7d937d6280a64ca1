"""The report of a calibration: `DIR/report/index.html`."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import pandas as pd

from ethnicmer_jax.analysis import calibration
from ethnicmer_jax.report import columns, figures, html_page
from ethnicmer_jax.report.files import flatten
from ethnicmer_jax.report.html_page import Document, Facts, Listing, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.tables import Column, Table


def write(
    rates: pd.DataFrame,
    sides: pd.DataFrame,
    facts: Mapping[str, object],
    command: str,
    directory: pathlib.Path,
) -> pathlib.Path:
    """Writes the report, whole or not at all; returns the path of index.html.

    Args:
      rates: from `result_files.rates`.
      sides: from `result_files.side_rates`.
      facts: versions and machine.
      command: to reproduce it.
      directory: of the calibration.
    """
    return html_page.save(build(rates, sides, facts, command), directory / "report")


def build(
    rates: pd.DataFrame, sides: pd.DataFrame, facts: Mapping[str, object], command: str
) -> Document:
    """The report as data."""
    table = Table(
        "calibration",
        text("calibration.rates"),
        rates,
        (
            *columns.rejections("Series"),
            Column("Mean advantage", "{mean_estimate:signed}"),
            columns.number("Scatter", "sd_estimate"),
            columns.number("Mean standard error", "mean_standard_error"),
        ),
    )
    of_sides = Table("sides", text("calibration.sides"), sides, columns.rejections("Series"))
    curves = figures.rejection_curves(rates)
    listed = [(name, str(value)) for name, value in flatten(facts) if name != "command"]
    return Document(
        title="Calibration on simulated databases",
        question=text("calibration.question"),
        conclusion=calibration.conclusions(rates),
        lead=[curves],
        sections=[
            Section("rates", "Rejection rates", [table, *([of_sides] if len(sides) else [])]),
            Section("methods", "Methods", [Prose(paragraphs("calibration.methods"))]),
            Section("reproduce", "Reproduce", [Listing(command), Facts(listed)]),
        ],
    )
