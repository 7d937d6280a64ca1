"""What the report of a job or study says of its explanations, from the files of `explain`."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ethnicmer_jax.base import files, labels, sums
from ethnicmer_jax.base.schema import UserError
from ethnicmer_jax.report import columns, style
from ethnicmer_jax.report.html_page import Block, Gallery, Link, Prose, Section
from ethnicmer_jax.report.prose import text
from ethnicmer_jax.report.style import Figure
from ethnicmer_jax.report.tables import Column, Table

FOLDER = "explain"
SUMMARY = "summary.json"
METHODS = {
    "gradcam": "Grad-CAM",
    "hirescam": "HiResCAM",
    "occlusion": "occlusion",
    "motion": "motion of the clip",
}
"""What a method is called in text; the last is no method but what maps are compared with."""


def sections(directory: pathlib.Path) -> list[Section]:
    """The section on where the networks look; none where `explain` was not run.

    Args:
      directory: of the job or study; the explanations are in its folder FOLDER.

    Raises:
      UserError: the summary there is damaged.
    """
    folder = directory / FOLDER
    if not (folder / SUMMARY).is_file():
        return []
    mend = "explain again with --overwrite"
    try:
        return _sections(folder, files.read_json(folder / SUMMARY, mend))
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise sums.DamagedError(folder / SUMMARY, f"is damaged ({error!r})", mend) from None


def _sections(folder: pathlib.Path, summary: Mapping[str, Any]) -> list[Section]:
    figures = [_figure(folder, **about) for about in summary["figures"]]
    blocks: list[Block] = [
        Prose(list(map(str, summary["conclusion"]))),
        Link(
            text("explained.link"),
            "where the networks look",
            f"../{FOLDER}/index.html",
        ),
        Gallery(figures),
    ]
    if (folder / "tests.csv").is_file():
        tests = files.read_table(folder / "tests.csv", keep_default_na=False, na_values=[""])
        shown = (tests[list(summary["primary"])] == pd.Series(summary["primary"])).all(axis=1)
        blocks.append(region_table(tests[shown], tuple(summary["groups"]), "explained_regions"))
    return [Section("explained", "Where the networks look", blocks)]


def region_table(tests: pd.DataFrame, groups: tuple[str, ...], name: str) -> Table:
    """The regions of one map in one group and the other.

    Args:
      tests: rows of tests.csv.
      groups: first and second.
      name: file stem.
    """
    first = tests.iloc[0]
    return Table(
        name,
        text(
            "explained.regions",
            method=METHODS[first["method"]],
            head=first["head"],
            branch=first["branch"],
            emotion=first["emotion"],
            subjects=(first["persons_a"], first["persons_b"]),
            groups=list(map(labels.group, groups)),
        ),
        tests,
        region_columns(groups),
    )


def region_columns(groups: tuple[str, ...]) -> list[Column]:
    """The columns of one region's test."""
    return [
        columns.text("Region", "region"),
        columns.number(labels.group(groups[0]), "mean_a"),
        columns.number(labels.group(groups[1]), "mean_b"),
        columns.difference("Difference [95% interval]", key="difference"),
        columns.p_value("p within database", "p_within"),
        columns.p_holm("p within database (Holm)", "p_within_holm"),
        columns.p_value("p unrestricted", "p_unrestricted"),
        columns.p_holm("p unrestricted (Holm)", "p_unrestricted_holm"),
    ]


def _figure(folder: pathlib.Path, name: str, caption: str, alt: str, wide: bool) -> Figure:
    stem = folder / "figures" / name
    drawing = stem.with_suffix(".svg")
    svg = drawing.read_text(encoding="utf-8", errors="replace")
    if style.size_of(svg) is None:
        raise UserError(f"{drawing} is no figure of `explain`; run `explain` again")
    # Earlier versions wrote no PDF.
    pdf = stem.with_suffix(".pdf")
    pdf_bytes = pdf.read_bytes() if pdf.is_file() else b""
    png = stem.with_suffix(".png").read_bytes()
    return Figure(f"explained_{name}", caption, alt, svg, png, pdf_bytes, wide)
