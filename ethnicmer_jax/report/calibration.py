"""The report of a calibration: `DIR/report/index.html`."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import pandas as pd

from ethnicmer_jax.report import document
from ethnicmer_jax.report.document import Document, Facts, Gallery, Listing, Prose, Section
from ethnicmer_jax.report.files import flatten
from ethnicmer_jax.report.study import figures
from ethnicmer_jax.report.tables import Column, Table

_METHODS = (
    "Every simulated database is analysed as in a study: equally many subjects of both groups, "
    "matched in class, models trained on either group and tested on both, and the own-group "
    "advantage (mean over groups of UF1 of the group's own models minus UF1 of the other "
    "group's models, on the same subjects) with a 95% interval from resampling subjects. "
    "A rejection is an interval that excludes 0.",
    "For speed there are few draws, each with K folds of subjects alike in class instead of "
    "LOSO, whose models are tested by both groups; the flow is the true motion plus the error "
    "that flow estimation leaves, instead of being computed on drawn frames.",
    "In the confounded design one database has one group only, and shows and codes emotions in "
    "its own way; within the other database nothing depends on the group. `Controlled` asks, as "
    "a study's conclusion does, that the advantage shows within that database as well.",
)


def write(
    rates: pd.DataFrame, facts: Mapping[str, object], command: str, directory: pathlib.Path
) -> pathlib.Path:
    """Writes the report, whole or not at all; returns the path of index.html.

    Args:
      rates: from `results.rates`.
      facts: versions and machine.
      command: to reproduce it.
      directory: of the calibration.
    """
    return document.save(build(rates, facts, command), directory / "report")


def build(rates: pd.DataFrame, facts: Mapping[str, object], command: str) -> Document:
    """The report as data."""
    table = Table(
        "calibration",
        "Rejections on simulated databases, with Wilson 95% intervals. Intervals are as wide as "
        "they should be where the scatter of the estimates is the mean standard error.",
        rates,
        (
            Column("Series", "{series}", False),
            Column("True effect", "{effect:g}"),
            Column("Databases", "{databases:,}"),
            Column("Rejections", "{rejections:,}"),
            Column("Rate [95% interval]", "{rate:.1%} [{low:.1%}, {high:.1%}]"),
            Column("Mean advantage", "{mean_estimate:+.3f}"),
            Column("Scatter", "{sd_estimate:.3f}"),
            Column("Mean standard error", "{mean_standard_error:.3f}"),
        ),
    )
    curves = figures.rejection_curves(rates)
    listed = [(name, str(value)) for name, value in flatten(facts) if name != "command"]
    return Document(
        title="Calibration on simulated databases",
        question="How often does the study find an ethnic leaning where there is none, and how "
        "often does it find one that is there?",
        conclusion=sentences(rates),
        sections=[
            Section("rates", "Rejection rates", [Gallery([curves]), table]),
            Section("methods", "Methods", [Prose(_METHODS)]),
            Section("reproduce", "Reproduce", [Listing(command), Facts(listed)]),
        ],
    )


def sentences(rates: pd.DataFrame) -> list[str]:
    """What was measured at effect 0, then the smallest effect found with 80% power."""
    found = []
    for series, part in rates.groupby("series", sort=False):
        for null in part[part["effect"] == 0].itertuples():
            holds = "above" if null.low > figures.NOMINAL else "not above"
            found.append(
                f"{series}: false alarms in {null.rate:.1%} [{null.low:.1%}, {null.high:.1%}] of "
                f"{null.databases} databases, {holds} the nominal 5%."
            )
        powerful = part[(part["effect"] > 0) & (part["rate"] >= 0.8)]
        if len(powerful):
            row = powerful.loc[powerful["effect"].idxmin()]
            found.append(
                f"{series}: power {row['rate']:.0%} [{row['low']:.0%}, {row['high']:.0%}] at "
                f"effect {row['effect']:g} ({row['databases']} databases)."
            )
        elif (part["effect"] > 0).any():
            found.append(f"{series}: no effect that was tried is found with 80% power.")
    return found
