"""The page of a job whose folds did not all come to their end: which ones, and what to do."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ethnicmer_jax.base import labels
from ethnicmer_jax.base.divergence import DivergedError
from ethnicmer_jax.report import columns, html_page
from ethnicmer_jax.report.files import flatten
from ethnicmer_jax.report.html_page import Document, Prose, Section
from ethnicmer_jax.report.prose import paragraphs, text
from ethnicmer_jax.report.tables import Column, Table


def write(found: DivergedError, config: Mapping[str, Any], directory: pathlib.Path) -> pathlib.Path:
    """Writes `directory/report/`; returns the path of index.html.

    Args:
      found: the folds that diverged.
      config: of the job.
      directory: its work directory.
    """
    return html_page.save(build(found, config), directory / "report")


def build(found: DivergedError, config: Mapping[str, Any]) -> Document:
    """The page as data."""
    sizes = {"diverged": labels.count(len(found.folds)), "planned": labels.count(found.planned)}
    limit = f"{config['optim']['divergence']:,.10g}"
    return Document(
        title=f"Incomplete: {config['name']}",
        question=text("incomplete.question"),
        warnings=[text("incomplete.warning", **sizes)],
        conclusion=[text("incomplete.conclusion")],
        sections=[
            Section("diverged", "Folds that diverged", [_table(found)]),
            Section("next", "What to do", [Prose(paragraphs("incomplete.next", limit=limit))]),
            Section("run", "What was run", [_settings(config)]),
        ],
    )


def _table(found: DivergedError) -> Table:
    frame = pd.DataFrame(
        {
            "run": one.run,
            "fold": one.fold,
            "tests": one.tested,
            "epoch": one.epoch or None,
            "loss": one.loss_text or None,
            "reason": one.reason,
        }
        for one in found.folds
    )
    shown = (
        columns.text("Fold", "fold"),
        columns.text("Run", "run"),
        columns.text("Tests", "tests"),
        Column("Epoch", "{epoch:.0f}"),
        Column("Loss", "{loss}"),
        columns.text("Why", "reason"),
    )
    return Table("diverged", text("incomplete.table"), frame, shown)


def _settings(config: Mapping[str, Any]) -> Table:
    frame = pd.DataFrame(flatten(config), columns=["setting", "value"])
    return Table(
        "configuration",
        text("incomplete.settings", count=len(frame)),
        frame,
        (columns.text("Setting", "setting"), columns.text("Value", "value")),
        collapsed=True,
    )
