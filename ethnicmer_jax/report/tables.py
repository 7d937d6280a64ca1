"""A table with its caption: formatted for the page and LaTeX, raw for CSV."""

from __future__ import annotations

import dataclasses
import functools
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ethnicmer_jax.analysis.effects import p_text
from ethnicmer_jax.base import files, labels, markdown, reportable
from ethnicmer_jax.base.labels import MISSING, minus
from ethnicmer_jax.report import latex

NUMBERS: Mapping[str, Callable[[Any], str]] = {
    "score": labels.score,
    "score2": functools.partial(labels.score, digits=2),
    "signed": labels.signed,
    "signed2": functools.partial(labels.signed, digits=2),
    "decimal": labels.decimal,
    "effect": functools.partial(labels.decimal, sign=True),
    "percent": labels.percent,
    "percent1": functools.partial(labels.percent, digits=1),
    "count": labels.count,
    "compact": labels.compact,
}
"""Formats of the templates: those of `labels`, so that every table shows numbers alike."""


class _Formatter(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if show := NUMBERS.get(format_spec):
            return show(value)
        return super().format_field(value, format_spec)


_FORMATTER = _Formatter()


@dataclasses.dataclass(frozen=True)
class Column:
    """One displayed column.

    Attributes:
      label: header.
      template: a `str.format` template over the frame's columns, e.g.
        "{uf1:score} [{low:score}, {high:score}]", with the formats of NUMBERS beside those of
        `format`. A missing value makes the whole cell a dash.
      numeric: whether cells align to the right.
    """

    label: str
    template: str
    numeric: bool = True

    def cell(self, row: dict) -> str:
        """The text of this column in one row."""
        keys = [key for _, key, _, _ in string.Formatter().parse(self.template) if key]
        if any(pd.isna(row[key]) for key in keys):
            return MISSING
        text = _FORMATTER.vformat(self.template, (), row)
        return minus(text) if self.numeric else text


@dataclasses.dataclass(frozen=True)
class Named(Column):
    """A column of machine names, shown as people read them; its template is "{column}".

    Attributes:
      show: one of the functions of `labels`.
    """

    numeric: bool = False
    show: Callable[[str], str] = labels.human

    def cell(self, row: dict) -> str:
        """The name, or a dash."""
        name = super().cell(row)
        return name if name == MISSING else self.show(name)


@dataclasses.dataclass(frozen=True)
class Sentence(Column):
    """A column of words with numbers among them."""

    numeric: bool = False

    def cell(self, row: dict) -> str:
        """The text, with minus signs."""
        return minus(super().cell(row))


@dataclasses.dataclass(frozen=True)
class Interval(Column):
    """A column of estimates with their intervals, as in "+.12 [-.03, +.27]".

    Attributes:
      bounds: the frame's columns of low and high.
      unbounded: the template of rows without bounds: a test that ended too early to have any.
    """

    bounds: tuple[str, str] = ("low", "high")
    unbounded: str = ""

    def cell(self, row: dict) -> str:
        """Estimate and bounds, or that there are none."""
        if all(np.isinf(row[bound]) for bound in self.bounds):
            return Column(self.label, self.unbounded).cell(row)
        return super().cell(row)


@dataclasses.dataclass(frozen=True)
class PValue(Column):
    """A column of p values; its template names the frame's column, as in "{p}"."""

    def cell(self, row: dict) -> str:
        """`.032`, `.32`, `< .001`, or a dash."""
        p = row[self.template.strip("{}")]
        return p_text(p).removeprefix("p ").removeprefix("= ") if np.isfinite(p) else MISSING


@dataclasses.dataclass(frozen=True)
class Table:
    """A finished table.

    Attributes:
      name: file stem, unique within a report.
      caption: what the rows are and how intervals were made.
      frame: the values, at full precision; goes to CSV as it is.
      columns: what is displayed. The first one names the row.
      collapsed: hide behind a summary line, for long tables.
      shown: how many rows page and LaTeX show of a very long one; None for all. CSV holds all.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    columns: Sequence[Column]
    collapsed: bool = False
    shown: int | None = None

    def marked(self, reason: str) -> Table:
        """The same with the mark of what must not be reported, in its caption and in its CSV."""
        frame = self.frame.assign(**{reportable.COLUMN: reason})
        caption = f"{reportable.marked(reason)} {self.caption}"
        return dataclasses.replace(self, frame=frame, caption=caption)

    def rows(self) -> list[list[str]]:
        """Formatted cells, [rows][columns]."""
        records = self.frame.head(self.shown or len(self.frame)).to_dict("records")
        return [[column.cell(row) for column in self.columns] for row in records]

    def csv(self) -> str:
        """The raw values; no text of them is a formula (`csv_cells`)."""
        return files.csv_text(self.frame)

    def markdown(self) -> str:
        """A table of the formatted cells as GitHub and others read it."""
        rules = ["---:" if column.numeric else "---" for column in self.columns]
        header, *rows = (
            [markdown.escape(cell) for cell in line]
            for line in ([column.label for column in self.columns], *self.rows())
        )
        return "".join(f"| {' | '.join(line)} |\n" for line in (header, rules, *rows))

    def latex(self) -> str:
        """A booktabs table of the formatted cells; see `latex.table`."""
        return latex.table(
            self.name,
            self.caption,
            [column.label for column in self.columns],
            [column.numeric for column in self.columns],
            self.rows(),
        )
