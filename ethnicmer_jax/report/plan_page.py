"""The report of a planned recording: `DIR/report/index.html`."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

import pandas as pd

from ethnicmer_jax.analysis import power
from ethnicmer_jax.report import columns, figures, html_page, plan_figures
from ethnicmer_jax.report.files import flatten
from ethnicmer_jax.report.html_page import Block, Document, Facts, Gallery, Listing, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.tables import Column, Table


def write(
    rates: pd.DataFrame,
    found: pd.DataFrame,
    facts: Mapping[str, object],
    directory: pathlib.Path,
) -> pathlib.Path:
    """Writes the report, whole or not at all; returns the path of index.html.

    Args:
      rates: from `result_files.rates`.
      found: one row per design: series, n (missing where there is one design), effect, low,
        high and advantage of `power.Detectable`.
      facts: command, versions and machine.
      directory: of the plan.
    """
    return html_page.save(build(rates, found, facts), directory / "report")


def build(rates: pd.DataFrame, found: pd.DataFrame, facts: Mapping[str, object]) -> Document:
    """The report as data."""
    listed = [(name, str(value)) for name, value in flatten(facts) if name != "command"]
    lead = [figures.rejection_curves(rates, name="power")]
    sizes = dict(zip(found["series"], found["n"], strict=True))
    blocks: list[Block] = [_detectable(found, rates), _power(rates)]
    if found["n"].notna().all() and len(found) > 1:
        by_size = rates.assign(n=rates["series"].map(sizes))
        blocks.insert(0, Gallery([plan_figures.power_by_subjects(by_size)]))
    return Document(
        title="A planned recording",
        question=text("plan.question"),
        conclusion=power.sentences(rates),
        lead=lead,
        sections=[
            Section("power", "Power", blocks),
            Section("meaning", "What an effect means", [Prose(paragraphs("plan.meaning"))]),
            Section("methods", "Methods", [Prose(paragraphs("plan.methods"))]),
            Section("reproduce", "Reproduce", [Listing(str(facts["command"])), Facts(listed)]),
        ],
    )


def _power(rates: pd.DataFrame) -> Table:
    return Table(
        "power",
        text("plan.power"),
        rates,
        (
            *columns.rejections("Design"),
            Column("Mean advantage", "{mean_estimate:signed}"),
            columns.number("Scatter", "sd_estimate"),
        ),
    )


def _detectable(found: pd.DataFrame, rates: pd.DataFrame) -> Table:
    # Infinite bounds are in words on the page and numbers in the CSV.
    tried = found["series"].map(lambda name: rates[rates["series"] == name])
    bounds = [
        f"[{power.bound(low, part)}, {power.bound(high, part)}]"
        for low, high, part in zip(found["low"], found["high"], tried, strict=True)
    ]
    return Table(
        "detectable",
        text("plan.detectable"),
        found.assign(interval=bounds),
        (
            columns.text("Design", "series"),
            Column("Smallest effect", "{effect:score2}"),
            columns.text("95% interval", "interval"),
            Column("Own-group advantage in UF1", "{advantage:signed2}"),
        ),
    )
